import type dgram from 'node:dgram'
import { EventEmitter } from 'node:events'
import type net from 'node:net'
import type { UpgradeReceipt } from '../alone/receipt.js'
import type { MoveChoice } from '../connections/connection.js'
import type { WebSocketHooks, WebSocketLike, WebSocketServerLike } from '../connections/websocket/hooks.js'
import type { ExecOptions } from '../in-place/image.js'
import type { InheritedListener } from '../listeners/inherited.js'
import type { ListenAddressInput } from '../listeners/listen-target.js'
import type { Probes } from '../probes/handlers.js'
import type { ConnectionAccount } from '../protocol/account.js'
import type { DrainReport, Hook, ServiceState } from '../protocol/lifecycle.js'
import type { ProcessResources } from './contract.js'
import { ServiceCore } from './core.js'
import type { ServiceEvents } from './events.js'
import type { Settings } from './options.js'
import { reload } from './reload.js'

/** One process of a service: its listeners, its connections, and its way from starting to closed. */
export class Service extends EventEmitter<ServiceEvents> {
  readonly #core: ServiceCore

  constructor(settings: Settings, resources: ProcessResources) {
    super() // applications call `handover()`, which takes over the resources of a preload
    this.#core = new ServiceCore(settings, 'library', resources, this)
  }

  get state(): ServiceState {
    return this.#core.state
  }

  /** Counts every connection so far by how it began and ended. The sums always agree: see `ConnectionAccount`. */
  get account(): ConnectionAccount {
    return this.#core.traffic.account
  }

  /** Milliseconds until the drain cuts the remaining connections. 0 before a drain. */
  get remainingMs(): number {
    return this.#core.remainingMs
  }

  /** Every socket that came with the process (sd_listen_fds(3)), adopted or not. */
  get inherited(): readonly InheritedListener[] {
    return this.#core.inherited
  }

  /** The inherited listener of that name, or undefined. */
  listener(name: string): InheritedListener | undefined {
    return this.#core.servers.listeners.named(name)
  }

  /**
   * Lets `server`, also a UDP socket, listen: on the inherited listener with that name, else on the one with that port
   * or path, else by binding the address. Resolves with the address, or rejects with the server's 'error'.
   * @throws OptionError (invalid address), HandoverError `ERR_HANDOVER_STATE` (drains) or `ERR_HANDOVER_NO_LISTENER`
   */
  async listen(server: net.Server | dgram.Socket, input: ListenAddressInput): Promise<string> {
    this.#core.refuseWhenDraining()
    return this.#core.servers.listen(server, input, this.#core.alone)
  }

  /** Runs `work`, as the handler of SIGHUP for `Type=notify-reload`: notifies systemd before and after. */
  reload<T>(work: () => T | Promise<T>): Promise<T> {
    return reload(this.#core.announcer, work)
  }

  /** Reports that this process may get traffic. */
  ready(): void {
    this.#core.ready()
  }

  /**
   * Replaces the program of this process: same pid, listeners, idle connections and, but for `options`, environment.
   * Never resolves. Rejects when this program keeps serving.
   * @throws HandoverError `ERR_HANDOVER_EXEC`, `ERR_HANDOVER_EXEC_UNAVAILABLE` without koffi or with cluster workers,
   * `ERR_HANDOVER_EXEC_DEADLINE`, `ERR_HANDOVER_STATE` when it is not ready; OptionError
   */
  async exec(options: ExecOptions = {}): Promise<never> {
    return this.#core.exec(options)
  }

  /** How many programs this process has run before. Each `exec()` adds one. */
  get generation(): number {
    return this.#core.generation
  }

  /** Sets the status text, one line, which `handover status` or `systemctl status` shows. */
  status(text: string): void {
    this.#core.setStatus(text)
  }

  /** Keeps this connection in this process, because the application has state with it. A drain ends it. */
  pin(socket: net.Socket): void {
    this.#core.traffic.decideMove(socket, 'stays')
  }

  /** Lets this connection move, whatever is attached to it. A function is asked for each: see `MoveChoice`. */
  move(which: net.Socket | MoveChoice): void {
    this.#core.move(which)
  }

  /** Lets sessions of a `ws` WebSocketServer move. Call it before `listen()`: predecessors ask once. */
  webSockets<Socket extends WebSocketLike>(
    server: WebSocketServerLike<Socket>,
    hooks: WebSocketHooks<Socket>,
  ): this {
    this.#core.refuseWhenDraining()
    this.#core.servers.arrivals.endpoints.add(server, hooks)
    return this
  }

  /** Runs when everything is at rest, before `exec()` replaces the program. Awaited for up to 1 s. May run again. */
  onBeforeExec(hook: Hook): this {
    this.#core.execution.before.push(hook)
    return this
  }

  /** Runs when the drain begins, while connections are still accepted. Awaited. */
  onBeforeDrain(hook: Hook): this {
    this.#core.ending.before.push(hook)
    return this
  }

  /** Runs after the last connection has ended, before the process exits. Awaited. */
  onDrain(hook: Hook): this {
    this.#core.ending.after.push(hook)
    return this
  }

  /** HTTP handlers for an orchestrator's live, ready and startup probe. */
  probes(): Probes {
    return this.#core.probes()
  }

  /** Stops accepting. Resolves when all has ended or was cut at the deadline. Returns the same promise each time. */
  drain(reason = 'drain'): Promise<DrainReport> {
    return this.#core.drain(reason)
  }

  /**
   * Runs this process's command line again, hands over once the new process is ready, and drains. Resolves with the
   * receipt when no connection is left: this process exits in the next turn of the loop.
   * @throws HandoverError `ERR_HANDOVER_UPGRADE_REFUSED`, or `ERR_HANDOVER_UPGRADE_FAILED`; this process keeps serving
   */
  upgrade(): Promise<UpgradeReceipt> {
    return this.#core.alone.upgrade()
  }
}
