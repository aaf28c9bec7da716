import type dgram from 'node:dgram'
import { EventEmitter } from 'node:events'
import type net from 'node:net'
import { addressOf, adopt, originalListen } from './adopt.js'
import { Alone, takeOver } from './alone/alone.js'
import type { UpgradeReceipt } from './alone/receipt.js'
import { listenBeside } from './alone/reuse-port.js'
import type { AcceptQueue } from './accept-queue.js'
import { Adoption } from './adoption.js'
import { announcer, type Announcer, type Mode } from './announcer.js'
import { Connections } from './connections.js'
import type { Estate } from './contract.js'
import { isDatagramSocket, kindOf } from './datagram-handle.js'
import {
  adoptDatagrams,
  bindTarget,
  checkDatagramTarget,
  datagramAddress,
  DatagramSockets,
} from './datagram-sockets.js'
import { goOnAccepting } from './delay.js'
import { finishConnections, stopAccepting } from './drain.js'
import { HandoverError, messageOf } from './errors.js'
import { LastRequests } from './http1.js'
import {
  describeListener,
  findListener,
  inheritedListeners,
  withAddresses,
  type InheritedListener,
  type ListenTarget,
  type SocketKind,
} from './inherited.js'
import type { DrainReport, Hook, ServiceEvents, ServiceState } from './lifecycle.js'
import { InPlaceExec } from './in-place/exec.js'
import type { ExecOptions } from './in-place/image.js'
import { Kept } from './in-place/kept.js'
import { execAsTold, execHost, type ExecSeam } from './in-place/seam.js'
import { forgetUnused, keepListener } from './kept-listeners.js'
import { listenTarget, type ListenAddressInput } from './listen-target.js'
import { formatAddress } from './socket-table.js'
import { Mover } from './mover.js'
import { settings, type HandoverOptions, type Settings } from './options.js'
import { ProbeServer } from './probe-server.js'
import { ProbeSockets } from './probe-sockets.js'
import { probes, type Probes } from './probes.js'
import { addAccounts, type Participant } from './participant.js'
import type { ConnectionAccount, SupervisorMessage } from './protocol.js'
import { TicketKeys } from './ticket-keys.js'
import { allWithin, nextTurn } from './waiting.js'
import { Endpoints } from './websocket/endpoints.js'
import type { WebSocketHooks, WebSocketLike, WebSocketServerLike } from './websocket/hooks.js'

/** One process of a service: its listeners, its connections, and its way from starting to closed. */
export class Service extends EventEmitter<ServiceEvents> {
  readonly #settings: Settings
  readonly #estate: Estate
  readonly #mode: Mode
  readonly #announcer: Announcer
  readonly #connections = new Connections()
  readonly #adopted = new Map<net.Server, InheritedListener>()
  readonly #endpoints = new Endpoints((message) => this.#warn(message))
  readonly #mover = new Mover(this.#connections, (server) => this.#listenerOf(server))
  readonly #adoption: Adoption | null
  readonly #kept: Kept
  readonly #exec: InPlaceExec
  readonly #probeSockets: ProbeSockets
  readonly #probeServer: ProbeServer
  readonly #lastRequests = new LastRequests(this.#connections)
  readonly #datagrams: DatagramSockets
  readonly #ticketKeys = new TicketKeys()
  readonly #beforeExec: Hook[] = []
  readonly #before: Hook[] = []
  readonly #after: Hook[] = []
  readonly #participants: Participant[] = []
  readonly #alone: Alone
  #accountTimer: NodeJS.Timeout | null = null
  #state: ServiceState = 'starting'
  #serving = false
  #drain: Promise<DrainReport> | null = null
  #deadline = 0
  /** Every socket that came with the process (sd_listen_fds(3)), adopted or not. */
  readonly inherited: readonly InheritedListener[]

  /** Not for applications: they call `handover()`, which knows what a preload may have begun. */
  constructor(options: HandoverOptions, mode: Mode, estate: Estate) {
    super()
    this.#settings = settings(options, estate.environment)
    this.#estate = estate
    estate.taken ??= takeOver(this.#settings.alone, estate.environment)
    this.#mode = mode
    this.#kept = new Kept(estate.environment)
    this.inherited = [
      ...inheritedListeners(estate.environment, this.#kept.listeners),
      ...withAddresses(estate.taken?.listeners ?? []),
    ]
    this.#announcer = announcer(
      estate.environment,
      mode,
      (message) => this.#hear(message),
      this.#kept.generation,
    )
    this.#exec = new InPlaceExec(execHost(this.#execSeam()))
    this.#probeSockets = new ProbeSockets(
      estate.environment.HANDOVER_PROBE_DIR,
      (socket) => this.#connections.exempt(socket),
      (message) => this.#warn(message),
    )
    this.#probeServer = new ProbeServer(
      this.#settings.probes,
      this.probes(),
      (message) => this.#warn(message),
      estate.environment.HANDOVER_PREDECESSOR !== undefined,
    )
    this.#connections.changed = () => this.#accountChanged()
    this.#adoption = this.#newAdoption()
    this.#alone = new Alone(this, {
      announcer: this.#announcer,
      environment: estate.environment,
      inherited: this.inherited,
      taken: estate.taken,
      settings: this.#settings.alone,
      drainMs: this.#settings.timeoutMs,
      follow: (sockets) => this.#hear({ type: 'successors', sockets }),
      ticketKeys: () => this.#ticketKeys.encoded,
      warn: (message) => this.#warn(message),
    })
    for (const { server, fd, sockets } of estate.servers) {
      const listener = this.inherited.find((candidate) => candidate.fd === fd)
      if (listener !== undefined) listener.adopted = true
      this.follow(server, listener, sockets)
    }
    this.#datagrams = new DatagramSockets(this.#settings.idleMs, () => this.remainingMs)
    this.join(this.#datagrams)
    for (const { socket, fd } of estate.datagrams ?? []) {
      const listener = this.inherited.find((candidate) => candidate.fd === fd)
      if (listener !== undefined) listener.adopted = true
      this.#datagrams.follow(socket, fd)
      this.#reading(socket, listener)
    }
    if (mode === 'library') this.#serve()
  }

  get state(): ServiceState {
    return this.#state
  }

  /** What became of every connection so far; the sums always agree. */
  get account(): ConnectionAccount {
    return addAccounts([
      this.#connections.account,
      ...this.#participants.map((participant) => participant.account),
    ])
  }

  /** Milliseconds until the drain cuts what is left; 0 before a drain. */
  get remainingMs(): number {
    return Math.max(this.#deadline - performance.now(), 0)
  }

  /** The inherited listener of that name, or undefined. */
  listener(name: string): InheritedListener | undefined {
    return this.inherited.find((listener) => listener.name === name)
  }

  /**
   * Lets `server` listen: on the inherited listener with that name, else on the one with that port or path,
   * else by binding the address. A UDP socket of `dgram` likewise. Resolves with what `server.address()` says, or
   * rejects with its 'error'.
   *
   * @throws HandoverError when the service drains already, or nothing was inherited and there is no address.
   */
  async listen(server: net.Server | dgram.Socket, input: ListenAddressInput): Promise<string> {
    if (this.#drain !== null) throw new HandoverError('ERR_HANDOVER_STATE', `The service is ${this.#state}`)
    const target = listenTarget(input)
    if (isDatagramSocket(server)) checkDatagramTarget(target)
    const listener = this.#find(target, kindOf(server))
    await new Promise<void>((resolve, reject) => {
      const failed = (error: Error) => {
        server.off('listening', listening)
        if (listener !== undefined) listener.adopted = false
        this.#announcer.failed(error)
        reject(error)
      }
      const listening = () => {
        server.off('error', failed)
        resolve()
      }
      server.once('error', failed).once('listening', listening)
      if (isDatagramSocket(server)) this.#read(server, target, listener)
      else this.#accept(server, target, listener)
    })
    return isDatagramSocket(server) ? datagramAddress(server) : addressOf(server)
  }

  #accept(server: net.Server, target: ListenTarget, listener: InheritedListener | undefined): void {
    this.follow(server, listener)
    if (listener !== undefined) return adopt(server, listener)
    const { port } = target
    if (port !== undefined && this.listensBeside) listenBeside(server, { ...bindOptions(target), port })
    else originalListen.call(server, bindOptions(target))
  }

  #read(socket: dgram.Socket, target: ListenTarget, listener: InheritedListener | undefined): void {
    this.followDatagrams(socket, listener)
    if (listener === undefined) bindTarget(socket, target)
    else adoptDatagrams(socket, listener)
  }

  #find(target: ListenTarget, kind: SocketKind): InheritedListener | undefined {
    const listener = findListener(this.inherited, target, kind)
    if (listener !== undefined || target.name === undefined) return listener
    const other = this.listener(target.name)
    const unfit = `nothing for a ${kind === 'stream' ? 'server' : `socket of type "${kind}"`}`
    if (target.port !== undefined || target.path !== undefined) {
      if (other?.adopted === false)
        this.#warn(`The listener ${describeListener(other)} is ${unfit}, another is bound in its place`)
      return undefined
    }
    throw new HandoverError(
      'ERR_HANDOVER_NO_LISTENER',
      other === undefined
        ? `No listener "${target.name}" was inherited`
        : `The listener ${describeListener(other)} is ${other.adopted ? 'in use already' : unfit}`,
    )
  }

  /**
   * Runs `work`, which reads the application's configuration anew, and tells systemd of it: RELOADING=1 before,
   * READY=1 after, with the reason in `systemctl status` if it fails. For the handler of SIGHUP, which
   * `Type=notify-reload` sends. Resolves, or rejects, as `work` does.
   */
  async reload<T>(work: () => T | Promise<T>): Promise<T> {
    this.#announcer.reloading()
    try {
      const result = await work()
      this.#announcer.reloaded()
      return result
    } catch (error) {
      this.#announcer.reloaded(error)
      throw error
    }
  }

  /** Says that this process may be given traffic, to whoever started it. */
  ready(): void {
    if (this.#state !== 'starting') return
    this.#state = 'ready'
    const unadopted = this.inherited.filter((listener) => !listener.adopted && listener.address !== null)
    const unused = forgetUnused(this.#announcer, unadopted)
    const unclaimed = this.#kept.finish()
    if (unclaimed > 0)
      this.#warn(`${unclaimed} kept connections were closed: no server listens where they came from`)
    if (unused.length > 0) this.status(`No server listens on ${unused.map(describeListener).join(', ')}`)
    this.#announcer.say({ type: 'account', account: this.account })
    this.#announcer.say({ type: 'ready' })
    this.#alone.ready()
    this.emit('ready')
  }

  /**
   * Replaces the program of this process: same pid, listeners and idle connections kept, and the environment as it
   * was when this program was started, but for what `options` change. For configuration that is read at the start.
   * Resolves never; rejects where this program goes on serving, as if nothing had been asked.
   *
   * @throws HandoverError `ERR_HANDOVER_EXEC` when the program is not there or cannot be executed, or koffi is
   * missing; `ERR_HANDOVER_EXEC_DEADLINE` when requests took longer than `timeoutSeconds`; `ERR_HANDOVER_STATE`
   * when the service is not ready, has node:cluster workers, or another exec() is under way
   * @throws OptionError when an option has the wrong type
   */
  async exec(options: ExecOptions = {}): Promise<never> {
    if (this.#state !== 'ready')
      throw new HandoverError('ERR_HANDOVER_STATE', `The service is ${this.#state}`)
    if (this.#participants.some((participant) => participant !== this.#datagrams))
      throw new HandoverError(
        'ERR_HANDOVER_EXEC_UNAVAILABLE',
        'A node:cluster primary cannot exec(): its workers would be lost',
      )
    return this.#exec.exec(options)
  }

  /** How many programs this process has been before: `exec()` counts it up. */
  get generation(): number {
    return this.#kept.generation
  }

  /** One line for people, shown by `handover status` or `systemctl status`. */
  status(text: string): void {
    this.#announcer.say({ type: 'status', text })
  }

  /** This connection stays in this process: the application keeps state with it. A drain ends it here. */
  pin(socket: net.Socket): void {
    const connection = this.#connections.of(socket)
    if (connection !== undefined) connection.pinned = true
  }

  /**
   * Lets the sessions of a WebSocketServer of the package `ws` move to a successor, and come from a predecessor.
   * To be called before `listen()`: a predecessor asks once.
   *
   * @throws HandoverError when the name is taken, or the drain has begun
   * @throws OptionError when it is no WebSocketServer, or a hook is missing
   */
  webSockets<Socket extends WebSocketLike>(
    server: WebSocketServerLike<Socket>,
    hooks: WebSocketHooks<Socket>,
  ): this {
    if (this.#drain !== null) throw new HandoverError('ERR_HANDOVER_STATE', `The service is ${this.#state}`)
    this.#endpoints.add(server, hooks)
    return this
  }

  /** Runs when `exec()` has everything at rest, before the program is replaced; awaited. It may run again. */
  onBeforeExec(hook: Hook): this {
    this.#beforeExec.push(hook)
    return this
  }

  /** Runs when the drain begins, while connections are still accepted; awaited. */
  onBeforeDrain(hook: Hook): this {
    this.#before.push(hook)
    return this
  }

  /** Runs after the last connection, before the process exits; awaited. */
  onDrain(hook: Hook): this {
    this.#after.push(hook)
    return this
  }

  /** HTTP handlers for an orchestrator's live, ready and startup probe. */
  probes(): Probes {
    return probes(() => this.#state)
  }

  /**
   * Accepts nothing more, finishes what is open, and resolves when all is done or the deadline has passed.
   * The process is not ended. Called again, it gives the same promise.
   */
  drain(reason = 'drain'): Promise<DrainReport> {
    return (this.#drain ??= this.#runDrain(reason))
  }

  /**
   * Starts this process's own command line anew, hands listeners and idle connections over to it once it is
   * ready, and drains; what `upgradeSignal` does. Resolves with the receipt when nothing is left here: the
   * process exits in the next turn of the event loop.
   *
   * @throws HandoverError `ERR_HANDOVER_UPGRADE_REFUSED` when none may begin now, or
   * `ERR_HANDOVER_UPGRADE_FAILED` when the new process did not become ready; this one goes on untouched.
   */
  upgrade(): Promise<UpgradeReceipt> {
    return this.#alone.upgrade()
  }

  /** Servers are bound beside those of the process that this one replaces, or is replaced by (SO_REUSEPORT). */
  get listensBeside(): boolean {
    return this.#alone.strategy === 'reusePort'
  }

  /** Follows a server that listens, or is about to. For the zero-code mode, where nobody calls `listen`. */
  follow(server: net.Server, listener?: InheritedListener, already: Iterable<net.Socket> = []): void {
    this.#serve()
    this.#connections.track(server, already)
    this.#ticketKeys.follow(server)
    if (listener !== undefined) this.#adopted.set(server, listener)
    if (server.listening) this.#listening(server)
    else server.once('listening', () => this.#listening(server))
  }

  /** Follows a UDP socket that is about to be bound. */
  followDatagrams(socket: dgram.Socket, listener?: InheritedListener): void {
    this.#serve()
    this.#datagrams.follow(socket, listener?.fd)
    socket.once('listening', () => this.#reading(socket, listener))
  }

  /** The workers of a node:cluster primary will accept from it themselves; there is no server here. */
  adoptForWorkers(listener: InheritedListener): void {
    this.#serve()
    listener.adopted = true
    if (listener.address === null) return
    this.#announcer.say({
      type: 'listening',
      address: formatAddress(listener.address),
      listener: listener.name,
    })
    setImmediate(() => this.ready())
  }

  /** Probes of a listener whose connections a node:cluster primary gives to its workers go the same way. */
  probeThrough({ name }: InheritedListener, queue: AcceptQueue): void {
    this.#probeSockets.divert(name, queue)
  }

  /** Adds somebody who serves in our name. */
  join(participant: Participant): void {
    this.#participants.push(participant)
    participant.changed = () => this.#accountChanged()
  }

  /** Leaves everything to another copy of this library, see contract.ts. */
  retire(): Estate | null {
    if (this.#drain !== null) return null
    const sockets = [...this.#connections.open]
    const servers = [...this.#connections.servers].map((server) => ({
      server,
      fd: this.#adopted.get(server)?.fd,
      sockets: sockets.filter((connection) => connection.server === server).map(({ socket }) => socket),
    }))
    this.#connections.untrackAll()
    this.#probeSockets.closeAll()
    this.#probeServer.close()
    this.#adoption?.close()
    this.#kept.close()
    this.#alone.retire()
    this.#announcer.close()
    const { environment, taken = null } = this.#estate
    return { environment, taken, servers, datagrams: this.#datagrams.release() }
  }

  /** This process is a service, not one of the other programs that a preload is inherited by. */
  #serve(): void {
    if (this.#serving) return
    this.#serving = true
    this.#probeServer.open()
    if (this.#settings.tooShort !== null) this.#warn(this.#settings.tooShort)
  }

  #listening(server: net.Server): void {
    if (this.#drain !== null) return stopAccepting(server)
    const listener = this.#adopted.get(server)
    const address = addressOf(server)
    this.#announcer.say({
      type: 'listening',
      address,
      ...(listener === undefined ? {} : { listener: listener.name }),
    })
    if (listener === undefined) {
      this.#alone.listeners.add(server)
      // A copy in the store would be a socket beside the next one's, or in its way.
      if (this.#alone.strategy === 'inherit')
        keepListener(this.#announcer, server, () => this.#drain !== null)
    } else this.#probeSockets.open(listener.name, server)
    if (listener !== undefined) this.#kept.serve(this.#connections, this.#endpoints, server, listener.name)
    const name = this.#listenerOf(server)
    const offer = name === undefined ? undefined : this.#adoption?.offer(server, name)
    if (offer) this.#announcer.say({ type: 'adopts', ...offer })
    this.emit('listening', server, address, listener)
  }

  #reading(socket: dgram.Socket, listener?: InheritedListener): void {
    if (this.#drain !== null) return void this.#datagrams.stopAccepting()
    const address = datagramAddress(socket)
    if (listener === undefined) this.#alone.listeners.addDatagrams(socket)
    this.#announcer.say({ type: 'listening', address, ...(listener && { listener: listener.name }) })
    this.emit('listening', socket, address, listener)
  }

  #newAdoption(): Adoption | null {
    if (!this.#settings.handover) return null
    const { HANDOVER_SOCKET: supervisor, HANDOVER_PREDECESSOR: channel = supervisor } =
      this.#estate.environment
    const adoption = new Adoption(this.#connections, this.#endpoints, channel, (message) =>
      this.#warn(message),
    )
    adoption.adopted = () => this.#announcer.say({ type: 'account', account: this.account })
    return adoption
  }

  #execSeam(): ExecSeam {
    return {
      connections: this.#connections,
      lastRequests: this.#lastRequests,
      announcer: this.#announcer,
      environment: this.#estate.environment,
      settings: this.#settings,
      generation: this.#kept.generation,
      inherited: this.inherited,
      adopted: this.#adopted,
      hooks: (ms) =>
        allWithin(
          ms,
          this.#beforeExec.map((hook) => () => hook('exec')),
          (error) => this.#warn(`A hook of onBeforeExec() threw: ${messageOf(error)}`),
        ),
    }
  }

  #listenerOf(server: net.Server): string | undefined {
    return this.#adopted.get(server)?.name ?? this.#alone.listeners.nameOf(server)
  }

  #hear(message: SupervisorMessage): void {
    this.#alone.hear(message)
    if (message.type === 'exec') {
      void execAsTold((options) => this.exec(options), message, this.#announcer)
    }
    if (message.type === 'ticketKeys') this.#ticketKeys.set(message.keys)
    if (message.type === 'successors' && this.#settings.handover)
      this.#mover.follow(message.sockets.map(String))
  }

  async #runDrain(reason: string): Promise<DrainReport> {
    const startedAt = performance.now()
    this.#deadline = startedAt + this.#settings.timeoutMs
    this.#state = 'draining'
    this.#exec.abandon()
    this.#announcer.stopping(this.#settings.timeoutMs)
    this.emit('draining', reason)
    await Promise.all([this.#runHooks(this.#before, reason), this.#delay()])
    await this.#mover.reached()
    // Whoever is in the accept queue of a socket that only we hold is taken now, by one more poll.
    await (this.#alone.emptyQueues(() => this.#connections.account.accepted) ?? nextTurn())
    for (const server of this.#connections.servers)
      if (server.listening) this.#alone.keepingPath(server, () => stopAccepting(server))
    const cut = Promise.all([
      finishConnections(
        this.#connections,
        this.#mover,
        { deadline: this.#deadline, idleMs: this.#settings.idleMs },
        this.#lastRequests,
      ),
      ...this.#participants.map((participant) => participant.finished()),
    ])
    await Promise.all(this.#participants.map((participant) => participant.stopAccepting()))
    await this.#mover.settled()
    this.#announcer.say({ type: 'draining', account: this.account })
    return this.#close(reason, startedAt, (await cut).flat())
  }

  async #delay(): Promise<void> {
    const { delayMs } = this.#settings
    const listens = [...this.#connections.servers].some(({ listening }) => listening)
    if (delayMs === 0 || this.#alone.replaced || !(listens || this.#participants.length > 0)) return
    await goOnAccepting(this.#connections, this.#lastRequests, delayMs)
  }

  async #close(reason: string, startedAt: number, cut: string[]): Promise<DrainReport> {
    await this.#runHooks(this.#after, reason)
    this.#probeSockets.closeAll()
    this.#adoption?.close()
    this.#alone.close()
    this.#kept.close()
    if (this.#accountTimer !== null) clearTimeout(this.#accountTimer)
    this.#connections.untrackAll()
    this.#state = 'closed'
    const seconds = (performance.now() - startedAt) / 1000
    const report = { reason, cut, seconds, account: this.account }
    this.#announcer.say({ type: 'drained', cut, seconds, account: report.account })
    await this.#announcer.flush()
    this.#announcer.close()
    // An application's own handlers come next in the other mode: until they exit, it is alive.
    if (this.#mode === 'library') this.#probeServer.close()
    this.emit('drained', report)
    return report
  }

  /** Hooks share the drain's deadline; past it they get a last moment, as the grace period ends a second later. */
  #runHooks(hooks: Hook[], reason: string): Promise<void> {
    const ms = Math.max(this.remainingMs, lastMomentMs)
    return allWithin(
      ms,
      hooks.map((hook) => () => hook(reason)),
      (error) => this.#warn(`A drain hook threw: ${messageOf(error)}`),
    )
  }

  #accountChanged(): void {
    if (this.#accountTimer !== null || this.#state === 'closed') return
    this.#accountTimer = setTimeout(() => {
      this.#accountTimer = null
      this.#announcer.say({ type: 'account', account: this.account })
    }, accountIntervalMs).unref()
  }

  #warn(message: string): void {
    this.emit('warning', message)
    process.emitWarning(message, 'HandoverWarning')
  }
}

const accountIntervalMs = 1000
const lastMomentMs = 250

function bindOptions({ host, port, path, backlog }: ListenTarget & { backlog?: number }): net.ListenOptions {
  return {
    ...(port === undefined ? { path } : { port, host }),
    ...(backlog === undefined ? {} : { backlog }),
  }
}
