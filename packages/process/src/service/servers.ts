import { errorMonitor, type EventEmitter } from 'node:events'
import type dgram from 'node:dgram'
import type net from 'node:net'
import type { Announcer } from '../announce/announcer.js'
import { isClusterWorker } from '../announce/cluster-worker.js'
import { keepListener } from '../announce/descriptor-store.js'
import { requestListener } from '../announce/listener-request.js'
import type { BindPolicy } from '../listeners/bind.js'
import { AcceptGate } from '../listeners/accept-gate.js'
import { checkDatagramTarget, datagramAddress } from '../listeners/datagram-sockets.js'
import type { CarriedOver } from '../in-place/carried-over.js'
import {
  absolutePath,
  describeListener,
  inheritedListeners,
  withAddresses,
  type InheritedListener,
} from '../listeners/inherited.js'
import { listen } from '../listeners/listen.js'
import { listenTarget, type ListenAddressInput } from '../listeners/listen-target.js'
import type { ListenHandle } from '../node/handle.js'
import { Listeners } from '../listeners/listeners.js'
import { PassedListeners } from '../listeners/passed-listeners.js'
import { HandleSupply, type WorkerRequest } from '../listeners/supply.js'
import { hasAddress, isDatagramSocket, kindOf } from '../node/datagram-handle.js'
import { descriptorOf } from '../node/handle.js'
import { addressOf } from '../node/original-listen.js'
import { TicketKeys } from '../node/ticket-keys.js'
import { ProbeSockets } from '../probes/sockets.js'
import { formatAddress } from '../system/socket-table.js'
import { Arrivals } from './arrivals.js'
import type { ProcessResources } from './contract.js'
import type { Traffic } from './traffic.js'

/** `told`: by the supervisor. */
export type AcceptsWhen = 'listening' | 'ready' | 'told'

export interface ServersOptions {
  /** Whether predecessors' connections are received. */
  receives: boolean
  /** Whether systemd may keep a copy of a listener that is bound here. */
  keepsListeners: boolean
  /** When this process begins to accept from listeners that it shares with other processes. */
  acceptsWhen: AcceptsWhen
  /** Called before each server or socket is tracked. */
  serving(): void
  /** Called when one listens. `listener`: the inherited one that it adopted, if any. */
  listening(server: net.Server | dgram.Socket, address: string, listener?: InheritedListener): void
  warn(message: string): void
}

type BindError = NodeJS.ErrnoException & { address?: string; port?: number }

/** The servers and UDP sockets of this service. They are tracked from before they listen. */
export class Servers {
  readonly listeners: Listeners
  readonly passed: PassedListeners
  readonly ticketKeys = new TicketKeys()
  readonly arrivals: Arrivals
  readonly probeSockets: ProbeSockets
  readonly #traffic: Traffic
  readonly #announcer: Announcer
  readonly #options: ServersOptions
  readonly #supply: HandleSupply
  readonly #awaited = new WeakSet<net.Server>()
  readonly gate: AcceptGate
  /** Whether the supervisor keeps what is bound here. */
  readonly discovered: boolean
  readonly #supervised: boolean
  readonly #explained = new WeakSet<net.Server>()
  #reported = false
  #reportedAny = false
  #draining = false

  /** @throws InheritedListenersError when LISTEN_FDS contradicts the open descriptors */
  constructor(
    { environment, taken, claimAccepting }: ProcessResources,
    carriedOver: CarriedOver,
    traffic: Traffic,
    announcer: Announcer,
    options: ServersOptions,
  ) {
    const inherited = [
      ...inheritedListeners(environment, carriedOver.listeners),
      ...withAddresses(taken?.listeners ?? []),
    ]
    const { connections } = traffic
    this.listeners = new Listeners(inherited)
    this.gate = new AcceptGate(options.acceptsWhen !== 'listening', claimAccepting?.(), ({ name }) =>
      this.probeSockets.close(name),
    )
    const { HANDOVER_SOCKET: channel } = environment
    this.#supervised = channel !== undefined
    this.discovered = channel !== undefined && environment.HANDOVER_DISCOVER !== undefined
    this.passed = new PassedListeners(inherited, this.discovered)
    this.#supply = new HandleSupply(this.listeners, this.passed, this.gate, {
      ask: this.discovered && channel !== undefined ? (address) => requestListener(channel, address) : null,
      isKept: () => this.#reported,
      warn: options.warn,
    })
    this.arrivals = new Arrivals(
      connections,
      carriedOver,
      options.receives ? environment : null,
      options.warn,
    )
    const exempt = (probe: net.Socket) => connections.exempt(probe)
    this.probeSockets = new ProbeSockets(environment.HANDOVER_PROBE_DIR, exempt, options.warn)
    this.#traffic = traffic
    this.#announcer = announcer
    this.#options = options
  }

  /** The name by which a successor knows the listener of `server`. */
  nameOf(server: net.Server): string | undefined {
    return this.listeners.adopted.get(server)?.name ?? this.passed.nameOf(server)
  }

  /** Whether a server accepts, or a UDP socket reads, in this process. */
  get areServing(): boolean {
    return this.passed.bound().length > 0 || this.listeners.inherited.some(({ adopted }) => adopted)
  }

  /** Whether other processes of this service listen on the unix socket at this absolute path. */
  sharesPath(path: string): boolean {
    const isThere = (listener: InheritedListener) =>
      listener.address?.type === 'unix' && absolutePath(listener.address.path) === path
    return this.listeners.inherited.some(isThere) || (this.#reported && this.passed.hasBound(path))
  }

  /** See `Service.listen()`. `policy`: how an address is bound that was not inherited. */
  async listen(
    server: net.Server | dgram.Socket,
    input: ListenAddressInput,
    policy: BindPolicy,
  ): Promise<string> {
    const target = listenTarget(input)
    if (isDatagramSocket(server)) checkDatagramTarget(target)
    const listener = this.listeners.find(target, kindOf(server), this.#options.warn)
    if (isDatagramSocket(server)) this.trackDatagrams(server, listener)
    else this.track(server, listener)
    try {
      return await listen(server, target, listener, policy, this.gate)
    } catch (error) {
      this.#announcer.failed(error)
      throw error
    }
  }

  /** Tracks a server that listens, or is about to. `already`: the connections that it has by now. */
  track(server: net.Server, listener?: InheritedListener, already: Iterable<net.Socket> = []): void {
    this.#options.serving()
    this.#traffic.connections.track(server, already)
    this.ticketKeys.track(server)
    this.probeSockets.receiveFromPrimary(server)
    if (listener !== undefined) this.listeners.adopted.set(server, listener)
    this.#supply.provide(server)
    this.#explainErrors(server)
    if (server.listening) this.#serverListens(server)
    else this.#await(server)
  }

  /** Tracks a UDP socket that is about to be bound. */
  trackDatagrams(socket: dgram.Socket, listener?: InheritedListener): void {
    this.#options.serving()
    this.#traffic.datagrams.track(socket, listener?.fd)
    if (listener === undefined) this.#supply.provideDatagrams(socket)
    socket.once('listening', () =>
      this.#datagramsListen(socket, listener ?? this.listeners.adoptedDatagrams.get(socket)),
    )
  }

  /** Lets the workers of a node:cluster primary accept from `listener`. Returns false if no server of Node's can. */
  adoptForWorkers(listener: InheritedListener): boolean {
    this.#options.serving()
    listener.adopted = true
    if (listener.address === null) return false
    this.#announce(formatAddress(listener.address), listener)
    return true
  }

  /** A handle that the workers of a node:cluster primary accept from, as Node has opened it or as another instance has it. */
  shareWithWorkers(opened: ListenHandle | number, request: WorkerRequest): ListenHandle | number {
    if (!this.discovered) return opened
    const shared = this.#supply.share(opened, request)
    if (typeof shared === 'number') return shared
    this.#options.serving()
    if (this.#reported) this.reportBound()
    return shared
  }

  /** Tracks what another copy of this library has left, see contract.ts. */
  resume({ servers, datagrams = [] }: ProcessResources): void {
    for (const { server, fd, sockets } of servers)
      this.track(server, this.listeners.adoptedBefore(fd), sockets)
    for (const { socket, fd } of datagrams) {
      this.#traffic.datagrams.track(socket, fd)
      const listener = this.listeners.adoptedBefore(fd)
      if (hasAddress(socket)) this.#datagramsListen(socket, listener)
      else socket.once('listening', () => this.#datagramsListen(socket, listener))
    }
  }

  /** Leaves everything to another copy of this library, see contract.ts. */
  release(): Pick<ProcessResources, 'servers' | 'datagrams' | 'claimAccepting'> {
    const { connections, datagrams } = this.#traffic
    const open = [...connections.open]
    const servers = [...connections.servers].map((server) => ({
      server,
      fd: this.listeners.adopted.get(server)?.fd,
      sockets: open.filter((connection) => connection.server === server).map(({ socket }) => socket),
    }))
    connections.untrackAll()
    let claimed = false
    process.nextTick(() => claimed || this.gate.set(true))
    const claimAccepting = () => {
      claimed = true
      return (accepting: boolean) => this.gate.set(accepting)
    }
    return { servers, datagrams: datagrams.release(), claimAccepting }
  }

  /**
   * Lets the supervisor copy what this process has bound. Called when the service is ready: a server that was only
   * started to try a port has been closed by then. What is bound later is reported at once.
   */
  reportBound(): void {
    if (!this.discovered || this.#draining) return
    const listeners = this.passed.bound()
    if (listeners.length > 0 || this.#reportedAny) this.#announcer.say({ type: 'bound', listeners })
    this.#reported = true
    this.#reportedAny ||= listeners.length > 0
  }

  /** Accepts new connections, or leaves them to other processes. Returns whether it accepts now. */
  setAccepting(accepting: boolean): boolean {
    const accepts = this.gate.set(accepting)
    for (const [server, listener] of this.listeners.adopted) {
      const fd = descriptorOf(server)
      if (fd >= 0) listener.fd = fd
    }
    return accepts
  }

  /** From here on, a server that begins to listen is stopped at once. */
  drainBegan(): void {
    this.#draining = true
    this.gate.drainBegan()
  }

  /** Creates the sockets for predecessors and probes again whose files were removed. */
  renewSockets(): void {
    this.probeSockets.renew()
    this.arrivals.renewSocket()
  }

  /** Stops receiving connections of predecessors and probes. */
  close(): void {
    this.probeSockets.closeAll()
    this.arrivals.close()
  }

  /** An application may call `listen` again after an error. */
  #await(server: net.Server): void {
    if (this.#awaited.has(server)) return
    this.#awaited.add(server)
    server.once('listening', () => {
      this.#awaited.delete(server)
      this.#serverListens(server)
    })
  }

  /** With a supervisor that keeps nothing that is bound here, another instance may have the address. */
  #explainErrors(server: net.Server): void {
    if (!this.#supervised || this.discovered || this.#explained.has(server)) return
    this.#explained.add(server)
    const emitter: EventEmitter = server
    emitter.on(errorMonitor, ({ code, address, port = -1 }: BindError) => {
      if (code !== 'EADDRINUSE' || address === undefined) return
      const asked = formatAddress(
        port < 0 ? { type: 'unix', path: address } : { type: 'tcp', host: address, port },
      )
      const names = this.listeners.inherited.map(describeListener).join(', ') || 'none'
      const text = `The application asked for ${asked}, which is in use. The service's listeners: ${names}`
      this.#announcer.say({ type: 'status', text })
    })
  }

  #serverListens(server: net.Server): void {
    if (this.#draining) return this.#traffic.closing.stop(server)
    const listener = this.listeners.adopted.get(server)
    const address = addressOf(server)
    this.#announce(address, listener)
    server.once('close', () => this.#draining || this.#announce(address, listener, 'closed'))
    if (listener === undefined) {
      this.passed.add(server)
      if (this.discovered) this.gate.track(server)
      server.once('close', () => this.#reported && this.reportBound())
      if (this.#reported) this.reportBound()
      if (this.#options.keepsListeners) keepListener(this.#announcer, server, () => this.#draining)
    } else this.arrivals.serve(server, listener.name)
    const name = this.nameOf(server)
    const isKept = listener !== undefined || (this.discovered && !isClusterWorker())
    if (name !== undefined && isKept) this.probeSockets.open(name, server)
    const offer = name === undefined ? null : this.arrivals.offer(server, name)
    if (offer !== null) this.#announcer.say({ type: 'adopts', ...offer })
    this.#options.listening(server, address, listener)
  }

  #datagramsListen(socket: dgram.Socket, listener?: InheritedListener): void {
    if (this.#draining) return void this.#traffic.datagrams.stopAccepting()
    const address = datagramAddress(socket)
    if (listener === undefined) {
      this.passed.addDatagrams(socket)
      if (this.#reported) this.reportBound()
    }
    this.#announce(address, listener)
    this.#options.listening(socket, address, listener)
  }

  #announce(address: string, listener?: InheritedListener, type: 'listening' | 'closed' = 'listening'): void {
    this.#announcer.say({ type, address, ...(listener && { listener: listener.name }) })
  }
}
