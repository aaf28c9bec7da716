import type dgram from 'node:dgram'
import { EventEmitter } from 'node:events'
import type net from 'node:net'
import { AccountReports } from '../announce/account-reports.js'
import { addressOf } from '../node/original-listen.js'
import { Alone, takeOver } from '../alone/alone.js'
import type { UpgradeReceipt } from '../alone/receipt.js'
import type { AcceptQueue } from '../node/accept-queue.js'
import { Receiver } from '../move/receiver.js'
import type { Announcer, Mode } from '../announce/announcer.js'
import { openAnnouncer } from '../announce/open-announcer.js'
import { pin } from '../connections/connection.js'
import { Connections } from '../connections/connections.js'
import type { Estate } from './contract.js'
import { isDatagramSocket, kindOf } from '../node/datagram-handle.js'
import { checkDatagramTarget, datagramAddress, DatagramSockets } from '../listeners/datagram-sockets.js'
import { stopAccepting } from '../drain/stop-accepting.js'
import { HandoverError, messageOf } from '../protocol/errors.js'
import { LastRequests } from '../drain/last-requests.js'
import {
  describeListener,
  inheritedListeners,
  withAddresses,
  type InheritedListener,
} from '../listeners/inherited.js'
import type { DrainReport, Hook, ServiceState } from '../protocol/lifecycle.js'
import type { ServiceEvents } from './events.js'
import { InPlaceExec } from '../in-place/exec.js'
import type { ExecOptions } from '../in-place/image.js'
import { Kept } from '../in-place/kept.js'
import { execAsTold, execHost, type ExecSeam } from './exec-host.js'
import { forgetUnused, keepListener } from '../announce/descriptor-store.js'
import { listen } from '../listeners/listen.js'
import { listenTarget, type ListenAddressInput } from '../listeners/listen-target.js'
import { Listeners } from '../listeners/listeners.js'
import { formatAddress } from '../system/socket-table.js'
import { Mover } from '../move/mover.js'
import { settings, type HandoverOptions, type Settings } from './options.js'
import { ProbeServer } from '../probes/server.js'
import { ProbeSockets } from '../probes/sockets.js'
import { probes, type Probes } from '../probes/handlers.js'
import { addAccounts, type ConnectionAccount, type Participant } from '../protocol/account.js'
import type { SupervisorMessage } from '../protocol/messages.js'
import { ServiceDrain, type DrainSeam } from './drain.js'
import { TicketKeys } from '../node/ticket-keys.js'
import { allWithin } from '../system/waiting.js'
import { Endpoints } from '../connections/websocket/endpoints.js'
import type { WebSocketHooks, WebSocketLike, WebSocketServerLike } from '../connections/websocket/hooks.js'

/** One process of a service: its listeners, its connections, and its way from starting to closed. */
export class Service extends EventEmitter<ServiceEvents> {
  readonly #settings: Settings
  readonly #estate: Estate
  readonly #mode: Mode
  readonly #announcer: Announcer
  readonly #connections = new Connections()
  readonly #listeners: Listeners
  readonly #endpoints = new Endpoints((message) => this.#warn(message))
  readonly #mover = new Mover(this.#connections, (server) => this.#listenerOf(server))
  readonly #adoption: Receiver | null
  readonly #kept: Kept
  readonly #exec: InPlaceExec
  readonly #probeSockets: ProbeSockets
  readonly #probeServer: ProbeServer
  readonly #lastRequests = new LastRequests(this.#connections)
  readonly #datagrams: DatagramSockets
  readonly #ticketKeys = new TicketKeys()
  readonly #reports = new AccountReports(() =>
    this.#announcer.say({ type: 'account', account: this.account }),
  )
  readonly #drain: ServiceDrain
  readonly #beforeExec: Hook[] = []
  readonly #participants: Participant[] = []
  readonly #alone: Alone
  #state: ServiceState = 'starting'
  #serving = false

  /** Not for applications: they call `handover()`, which knows what a preload may have begun. */
  constructor(options: HandoverOptions, mode: Mode, estate: Estate) {
    super()
    this.#settings = settings(options, estate.environment)
    this.#estate = estate
    estate.taken ??= takeOver(this.#settings.alone, estate.environment)
    this.#mode = mode
    this.#kept = new Kept(estate.environment)
    this.#listeners = new Listeners([
      ...inheritedListeners(estate.environment, this.#kept.listeners),
      ...withAddresses(estate.taken?.listeners ?? []),
    ])
    this.#announcer = openAnnouncer(
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
    this.#connections.subscribe({ changed: () => this.#reports.changed() })
    this.#adoption = this.#newAdoption()
    this.#alone = new Alone(this, {
      mode,
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
    this.#drain = new ServiceDrain(this.#drainSeam())
    for (const { server, fd, sockets } of estate.servers)
      this.follow(server, this.#listeners.adoptedBefore(fd), sockets)
    this.#datagrams = new DatagramSockets(this.#settings.idleMs, () => this.remainingMs)
    this.join(this.#datagrams)
    for (const { socket, fd } of estate.datagrams ?? []) {
      this.#datagrams.follow(socket, fd)
      this.#reading(socket, this.#listeners.adoptedBefore(fd))
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
    return this.#drain.remainingMs
  }

  /** Every socket that came with the process (sd_listen_fds(3)), adopted or not. */
  get inherited(): readonly InheritedListener[] {
    return this.#listeners.inherited
  }

  /** The inherited listener of that name, or undefined. */
  listener(name: string): InheritedListener | undefined {
    return this.#listeners.named(name)
  }

  /**
   * Lets `server` listen: on the inherited listener with that name, else on the one with that port or path,
   * else by binding the address. A UDP socket of `dgram` likewise. Resolves with what `server.address()` says, or
   * rejects with its 'error'.
   *
   * @throws HandoverError when the service drains already, or nothing was inherited and there is no address.
   */
  async listen(server: net.Server | dgram.Socket, input: ListenAddressInput): Promise<string> {
    this.#refuseWhenDraining()
    const target = listenTarget(input)
    if (isDatagramSocket(server)) checkDatagramTarget(target)
    const listener = this.#listeners.find(target, kindOf(server), (message) => this.#warn(message))
    if (isDatagramSocket(server)) this.followDatagrams(server, listener)
    else this.follow(server, listener)
    try {
      return await listen(server, target, listener, this)
    } catch (error) {
      this.#announcer.failed(error)
      throw error
    }
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
    const unused = forgetUnused(this.#announcer, this.#listeners.unadopted)
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
   * @throws HandoverError `ERR_HANDOVER_EXEC` when the program is not there or cannot be executed;
   * `ERR_HANDOVER_EXEC_UNAVAILABLE` when koffi is missing or the service has node:cluster workers;
   * `ERR_HANDOVER_EXEC_DEADLINE` when requests took longer than `timeoutSeconds`; `ERR_HANDOVER_STATE` when the service
   * is not ready, or another exec() is under way
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
    if (connection !== undefined) pin(connection)
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
    this.#refuseWhenDraining()
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
    this.#drain.before.push(hook)
    return this
  }

  /** Runs after the last connection, before the process exits; awaited. */
  onDrain(hook: Hook): this {
    this.#drain.after.push(hook)
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
    return this.#drain.run(reason)
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

  /** What is bound here may be a successor's as well, so that the file of a unix socket has to stay. */
  get passesPaths(): boolean {
    return this.#alone.passes
  }

  /** What was bound here is a successor's now. */
  get leavesPaths(): boolean {
    return this.#alone.left
  }

  /** Follows a server that listens, or is about to. For the zero-code mode, where nobody calls `listen`. */
  follow(server: net.Server, listener?: InheritedListener, already: Iterable<net.Socket> = []): void {
    this.#serve()
    this.#connections.track(server, already)
    this.#ticketKeys.follow(server)
    if (listener !== undefined) this.#listeners.adopted.set(server, listener)
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
    participant.subscribe(() => this.#reports.changed())
  }

  /** Leaves everything to another copy of this library, see contract.ts. */
  retire(): Estate | null {
    if (this.#drain.begun) return null
    const sockets = [...this.#connections.open]
    const servers = [...this.#connections.servers].map((server) => ({
      server,
      fd: this.#listeners.adopted.get(server)?.fd,
      sockets: sockets.filter((connection) => connection.server === server).map(({ socket }) => socket),
    }))
    this.#connections.untrackAll()
    this.#probeSockets.closeAll()
    this.#probeServer.close()
    this.#adoption?.close()
    this.#kept.close()
    this.#alone.retire()
    this.#reports.stop()
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
    if (this.#drain.begun) return stopAccepting(server)
    const listener = this.#listeners.adopted.get(server)
    const address = addressOf(server)
    this.#announcer.say({
      type: 'listening',
      address,
      ...(listener === undefined ? {} : { listener: listener.name }),
    })
    if (listener === undefined) {
      this.#alone.listeners.add(server)
      // A copy in the store would be a socket beside the next one's, or in its way.
      if (this.#alone.strategy === 'inherit') keepListener(this.#announcer, server, () => this.#drain.begun)
    } else this.#probeSockets.open(listener.name, server)
    if (listener !== undefined) this.#kept.serve(this.#connections, this.#endpoints, server, listener.name)
    const name = this.#listenerOf(server)
    const offer = name === undefined ? undefined : this.#adoption?.offer(server, name)
    if (offer) this.#announcer.say({ type: 'adopts', ...offer })
    this.emit('listening', server, address, listener)
  }

  #reading(socket: dgram.Socket, listener?: InheritedListener): void {
    if (this.#drain.begun) return void this.#datagrams.stopAccepting()
    const address = datagramAddress(socket)
    if (listener === undefined) this.#alone.listeners.addDatagrams(socket)
    this.#announcer.say({ type: 'listening', address, ...(listener && { listener: listener.name }) })
    this.emit('listening', socket, address, listener)
  }

  #newAdoption(): Receiver | null {
    if (!this.#settings.handover) return null
    const { HANDOVER_SOCKET: supervisor, HANDOVER_PREDECESSOR: channel = supervisor } =
      this.#estate.environment
    const home = { connections: this.#connections, endpoints: this.#endpoints }
    const adoption = new Receiver(home, channel, (message) => this.#warn(message))
    adoption.subscribe(() => this.#announcer.say({ type: 'account', account: this.account }))
    return adoption
  }

  #drainSeam(): DrainSeam {
    return {
      mode: this.#mode,
      settings: this.#settings,
      announcer: this.#announcer,
      connections: this.#connections,
      lastRequests: this.#lastRequests,
      mover: this.#mover,
      participants: this.#participants,
      alone: this.#alone,
      adoption: this.#adoption,
      kept: this.#kept,
      exec: this.#exec,
      probeSockets: this.#probeSockets,
      probeServer: this.#probeServer,
      reports: this.#reports,
      account: () => this.account,
      began: (reason) => {
        this.#state = 'draining'
        this.emit('draining', reason)
      },
      closed: () => (this.#state = 'closed'),
      ended: (report) => this.emit('drained', report),
      warn: (message) => this.#warn(message),
    }
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
      adopted: this.#listeners.adopted,
      hooks: (ms) =>
        allWithin(
          ms,
          this.#beforeExec.map((hook) => () => hook('exec')),
          (error) => this.#warn(`A hook of onBeforeExec() threw: ${messageOf(error)}`),
        ),
    }
  }

  #listenerOf(server: net.Server): string | undefined {
    return this.#listeners.adopted.get(server)?.name ?? this.#alone.listeners.nameOf(server)
  }

  #hear(message: SupervisorMessage): void {
    this.#alone.hear(message)
    if (message.type === 'exec') {
      void execAsTold((options) => this.exec(options), message, this.#announcer)
    }
    if (message.type === 'ticketKeys') this.#ticketKeys.set(message.keys)
    if (message.type === 'successors' && this.#settings.handover)
      this.#mover.setSuccessors(message.sockets.map(String))
  }

  #refuseWhenDraining(): void {
    if (this.#drain.begun) throw new HandoverError('ERR_HANDOVER_STATE', `The service is ${this.#state}`)
  }

  #warn(message: string): void {
    this.emit('warning', message)
    process.emitWarning(message, 'HandoverWarning')
  }
}
