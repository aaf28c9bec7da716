import fs from 'node:fs'
import type net from 'node:net'
import type { Announcer, Mode } from '../announce/announcer.js'
import { isClusterWorker } from '../announce/cluster-worker.js'
import type { BindPolicy } from '../listeners/bind.js'
import type { PassedListeners } from '../listeners/passed-listeners.js'
import { checkReusePort } from '../listeners/reuse-port.js'
import { closeAndKeepPath } from '../listeners/unix-path.js'
import type { SupervisorMessage } from '../protocol/messages.js'
import type { UpgradeStrategy } from '../protocol/upgrade-strategy.js'
import type { CommandLine } from '../system/command-line.js'
import { loadKoffi } from '../system/koffi.js'
import { startChild, type Candidate } from './candidate.js'
import { PidFile } from './pid-file.js'
import type { UpgradeReceipt } from './receipt.js'
import type { ReplaceableService } from './replaceable.js'
import { Steering } from './steering.js'
import type { TakenOver } from './take-over.js'
import { TakeoverSocket } from './takeover-socket.js'
import { Upgrades, type UpgradesOptions } from './upgrades.js'

export interface ReplaceOptions extends UpgradesOptions {
  mode: Mode
  commandLine: CommandLine
  /** What this process received at `takeover`, or null if it received nothing. */
  takenOver: TakenOver | null
}

/** A service without a supervisor: the process replaces itself, and writes its pid to a file. */
export class Alone implements BindPolicy {
  readonly listeners: PassedListeners
  readonly #strategy: UpgradeStrategy
  readonly #service: ReplaceableService
  readonly #options: ReplaceOptions
  readonly #steering = new Steering()
  readonly #upgrades: Upgrades
  readonly #pidFile: PidFile | null
  readonly #warn = (message: string): void => void this.#service.emit('warning', message)
  #takeoverSocket: TakeoverSocket | null = null
  /** A successor at `takeover` gets the listeners, whatever the strategy is. */
  #shared = false

  /** @throws HandoverError `ERR_HANDOVER_PID_FILE` or `ERR_HANDOVER_REUSE_PORT` */
  constructor(
    service: ReplaceableService,
    announcer: Announcer,
    listeners: PassedListeners,
    options: ReplaceOptions,
  ) {
    const { environment, settings } = options
    this.#service = service
    this.#options = options
    this.listeners = listeners
    this.#pidFile = settings.pidFile === null ? null : new PidFile(settings.pidFile, this.#warn)
    this.#strategy = settings.strategy
    if (this.#strategy === 'reusePort') checkReusePort()
    this.#upgrades = new Upgrades(service, announcer, listeners, options)
    // The file has the predecessor's pid until the predecessor stops serving.
    if (environment.HANDOVER_PREDECESSOR === undefined) this.#pidFile?.write()
  }

  /** A successor serves on the same addresses, so clients need not learn that this process ends. */
  get replaced(): boolean {
    return this.#upgrades.committed
  }

  get listensBeside(): boolean {
    return this.#strategy === 'reusePort'
  }

  get passesPaths(): boolean {
    const { environment, mode, settings } = this.#options
    if (isClusterWorker()) return false // its primary binds
    const canUpgrade = mode === 'library' || settings.signal !== null || settings.takeover !== null
    return canUpgrade && this.#strategy === 'inherit' && environment.HANDOVER_SOCKET === undefined
  }

  get leavesPaths(): boolean {
    return this.replaced && (this.#strategy === 'inherit' || this.#shared)
  }

  /** @throws HandoverError `ERR_HANDOVER_UPGRADE_REFUSED` or `ERR_HANDOVER_UPGRADE_FAILED` */
  upgrade(): Promise<UpgradeReceipt> {
    return this.#replace((predecessor) => this.#startChild(predecessor), this.#strategy === 'recreate')
  }

  /** Calls `close`. If there is a successor, it stays reachable at the path of a unix socket. */
  keepingPath(server: net.Server, close: () => void): void {
    if (this.leavesPaths && this.listeners.nameOf(server) !== undefined) closeAndKeepPath(server, close)
    else close()
  }

  /**
   * To be called before the listeners close because a successor has its own sockets on the same ports. Null if the
   * successor shares the listeners. `accepted` returns how many connections have been accepted so far.
   */
  emptyQueues(accepted: () => number, maxMs: number): Promise<void> | null {
    const beside = this.#strategy === 'reusePort' && this.replaced && !this.#shared
    return beside ? this.#steering.empty(this.listeners.servers(), accepted, maxMs) : null
  }

  ready(): void {
    if (this.#options.environment.HANDOVER_PREDECESSOR === undefined) this.#openTakeoverSocket()
  }

  drainBegan(reason: string): void {
    this.#upgrades.drainBegan(reason)
  }

  received(message: SupervisorMessage): void {
    const { takenOver } = this.#options
    if (message.type === 'refused' && takenOver !== null) {
      this.#warn(`This process did not become the successor: ${message.message}`)
      process.kill(process.pid, 'SIGTERM') // connections that were accepted here are still answered
    }
    if (message.type !== 'takeOver') return
    this.#upgrades.earlier = message.draining
    this.#pidFile?.rewrite()
    this.#openTakeoverSocket()
    if (takenOver !== null) fs.closeSync(takenOver.connection)
  }

  /** Another copy of this library replaces this one in the same process. */
  retire(): void {
    this.#takeoverSocket?.close()
  }

  close(): void {
    this.#takeoverSocket?.close()
    if (this.replaced) return
    this.#pidFile?.remove()
    this.listeners.removePaths()
  }

  async #startChild(predecessor: string): Promise<Candidate> {
    const { commandLine, drainMs, environment } = this.#options
    if (this.#strategy === 'reusePort') {
      const earlierDrain = () => this.#upgrades.earlierDrain
      await this.#steering.prepare(this.listeners.servers(), drainMs, earlierDrain)
    }
    const listeners = this.#strategy === 'inherit' ? this.listeners.list() : this.listeners.inherited()
    return startChild(commandLine, { listeners, environment, predecessor })
  }

  #openTakeoverSocket(): void {
    const { environment, settings } = this.#options
    const { takeover } = settings
    if (takeover === null || environment.HANDOVER_SOCKET !== undefined || this.#takeoverSocket !== null)
      return
    const koffi = loadKoffi()
    if (koffi === null) return
    const replace = (start: (predecessor: string) => Promise<Candidate>) => {
      this.#shared = true
      return this.#replace(start, false).finally(() => (this.#shared = this.replaced))
    }
    this.#takeoverSocket = new TakeoverSocket(koffi, takeover, this.listeners, replace, this.#warn)
  }

  async #replace(
    start: (predecessor: string) => Promise<Candidate>,
    stopFirst: boolean,
  ): Promise<UpgradeReceipt> {
    const receipt = await this.#upgrades.run(start, stopFirst)
    this.#service.emit('upgraded', receipt)
    return receipt
  }
}
