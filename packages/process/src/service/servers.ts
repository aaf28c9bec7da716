import type dgram from 'node:dgram'
import type net from 'node:net'
import type { Announcer } from '../announce/announcer.js'
import { isClusterWorker } from '../announce/cluster-worker.js'
import { keepListener } from '../announce/descriptor-store.js'
import type { BindPolicy } from '../listeners/bind.js'
import { AcceptGate } from '../listeners/accept-gate.js'
import { checkDatagramTarget, datagramAddress } from '../listeners/datagram-sockets.js'
import type { CarriedOver } from '../in-place/carried-over.js'
import { inheritedListeners, withAddresses, type InheritedListener } from '../listeners/inherited.js'
import { listen } from '../listeners/listen.js'
import { listenTarget, type ListenAddressInput } from '../listeners/listen-target.js'
import { Listeners } from '../listeners/listeners.js'
import { PassedListeners } from '../listeners/passed-listeners.js'
import { isDatagramSocket, kindOf } from '../node/datagram-handle.js'
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
  readonly gate: AcceptGate
  /** Whether the supervisor keeps what is bound here. */
  readonly discovered: boolean
  #reported = false
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
    this.gate = new AcceptGate(options.acceptsWhen !== 'listening', claimAccepting?.())
    this.discovered = environment.HANDOVER_SOCKET !== undefined && environment.HANDOVER_DISCOVER !== undefined
    this.passed = new PassedListeners(inherited, this.discovered)
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
    if (server.listening) this.#serverListens(server)
    else server.once('listening', () => this.#serverListens(server))
  }

  /** Tracks a UDP socket that is about to be bound. */
  trackDatagrams(socket: dgram.Socket, listener?: InheritedListener): void {
    this.#options.serving()
    this.#traffic.datagrams.track(socket, listener?.fd)
    socket.once('listening', () => this.#datagramsListen(socket, listener))
  }

  /** Lets the workers of a node:cluster primary accept from `listener`. Returns false if no server of Node's can. */
  adoptForWorkers(listener: InheritedListener): boolean {
    this.#options.serving()
    listener.adopted = true
    if (listener.address === null) return false
    this.#announce(formatAddress(listener.address), listener)
    return true
  }

  /** Tracks what another copy of this library has left, see contract.ts. */
  resume({ servers, datagrams = [] }: ProcessResources): void {
    for (const { server, fd, sockets } of servers)
      this.track(server, this.listeners.adoptedBefore(fd), sockets)
    for (const { socket, fd } of datagrams) {
      this.#traffic.datagrams.track(socket, fd)
      this.#datagramsListen(socket, this.listeners.adoptedBefore(fd))
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
    this.#reported = true
    const listeners = this.passed.bound()
    if (listeners.length > 0) this.#announcer.say({ type: 'bound', listeners })
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

  #serverListens(server: net.Server): void {
    if (this.#draining) return this.#traffic.closing.stop(server)
    const listener = this.listeners.adopted.get(server)
    const address = addressOf(server)
    this.#announce(address, listener)
    server.once('close', () => this.#draining || this.#announce(address, listener, 'closed'))
    if (listener === undefined) {
      this.passed.add(server)
      const name = this.passed.nameOf(server)
      if (this.discovered) this.gate.track(server)
      if (this.discovered && name !== undefined && !isClusterWorker()) this.probeSockets.open(name, server)
      if (this.#reported) this.reportBound()
      if (this.#options.keepsListeners) keepListener(this.#announcer, server, () => this.#draining)
    } else {
      this.probeSockets.open(listener.name, server)
      this.arrivals.serve(server, listener.name)
    }
    const name = this.nameOf(server)
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
