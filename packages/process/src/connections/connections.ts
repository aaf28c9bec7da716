import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ServerHttp2Session, ServerHttp2Stream, IncomingHttpHeaders } from 'node:http2'
import type net from 'node:net'
import type { ConnectionAccount } from '../protocol/account.js'
import { authenticatesConnection } from './authentication.js'
import * as transition from './connection.js'
import type { Connection, Exchange, MoveRule } from './connection.js'
import type { ConnectionsObserver } from './observer.js'
import { watchRequests, type HttpMessage } from './requests.js'
import { listenTo } from './server-events.js'
import { Tally } from './tally.js'
import { Upgraded } from './websocket/upgraded.js'

export type { ConnectionsObserver } from './observer.js'

/**
 * Every connection of the tracked servers, what it is doing, and the account of those that ended.
 * Nothing here changes what a server does: it listens to Node's own events and diagnostics channels.
 */
export class Connections {
  readonly servers = new Set<net.Server>()
  readonly open = new Set<Connection>()
  readonly #rule: MoveRule
  /** Replaced, never changed: an observer may subscribe or unsubscribe while it is called. */
  #observers: readonly ConnectionsObserver[] = []
  readonly #byStream = new WeakMap<object, Connection>()
  readonly #tally = new Tally()
  /** Connections of the probe sockets: served like any other, but not part of the account. */
  readonly #probes = new Set<net.Socket>()
  readonly #stopListening = new WeakMap<net.Server, () => void>()
  #stopWatching: () => void = () => {}

  constructor(rule: MoveRule) {
    this.#rule = rule
  }

  /** Returns a function that ends the subscription. */
  subscribe(observer: ConnectionsObserver): () => void {
    this.#observers = [...this.#observers, observer]
    return () => (this.#observers = this.#observers.filter((one) => one !== observer))
  }

  /** Tracks the connections of `server` from the next one on. `already`: the connections that it has now. */
  track(server: net.Server, already: Iterable<net.Socket> = []): void {
    if (this.servers.has(server)) return
    if (this.servers.size === 0) this.#watchRequests()
    this.servers.add(server)
    let current: Connection | undefined
    const stop = listenTo(server, {
      connected: (socket) => (current = this.#connect(server, socket)),
      secured: (stream) => (current = this.#secure(stream)),
      opened: (session) => current && this.#openSession(current, session),
      dropped: () => this.#refused(),
      upgraded: (request, stream) => this.#upgrade(request, stream),
    })
    this.#stopListening.set(server, stop)
    for (const socket of already) this.#accept(server, socket)
  }

  /** Stops tracking all servers and their open connections. */
  untrackAll(): void {
    for (const server of this.servers) this.#stopListening.get(server)?.()
    this.servers.clear()
    this.#stopWatching()
  }

  of(stream: object | null): Connection | undefined {
    return stream === null ? undefined : this.#byStream.get(stream)
  }

  /** The streams of the open connections, including those of probes. */
  *streams(): Generator<net.Socket> {
    for (const { stream } of this.open) yield stream
    yield* this.#probes
  }

  /** Keeps the connection of a probe out of the account. */
  exempt(probe: net.Socket): void {
    this.#probes.add(probe)
    probe.once('close', () => this.#probes.delete(probe))
  }

  get account(): ConnectionAccount {
    let active = 0
    for (const connection of this.open) if (connection.exchanges.length > 0) active++
    return this.#tally.account(this.open.size, active)
  }

  beginDrain(): void {
    this.#tally.beginDrain()
  }

  /**
   * Adds a connection received from another process, before `server` gets it. `requests`: how many were served there.
   * `upgraded`: set for a WebSocket.
   */
  receive(
    server: net.Server,
    socket: net.Socket,
    requests: number,
    upgraded: Upgraded | null = null,
  ): Connection {
    const connection = this.#add(transition.received(server, socket, this.#rule, requests, upgraded))
    this.#tally.received++
    this.#changed()
    return connection
  }

  /** Another process has it. Closes this process's copy of the socket. */
  release(connection: Connection): void {
    this.#remove(connection)
    connection.socket.destroy()
  }

  #connect(server: net.Server, socket: net.Socket): Connection | undefined {
    const connection = this.#accept(server, socket)
    // A wrapper of `server.emit` has read from it: the PROXY protocol, or a protocol that it detects.
    if (connection?.requests === 0 && !connection.aside && socket.bytesRead > 0)
      transition.becameStateful(connection)
    return connection
  }

  #refused(): void {
    this.#tally.refused++
    this.#changed()
  }

  #accept(server: net.Server, socket: net.Socket): Connection | undefined {
    if (this.#probes.has(socket)) return undefined
    const known = this.of(socket)
    if (known !== undefined) return known
    const connection = this.#add(transition.accepted(server, socket, this.#rule))
    this.#tally.accepted++
    this.#changed()
    return connection
  }

  #add(connection: Connection): Connection {
    const { socket } = connection
    this.open.add(connection)
    this.#byStream.set(socket, connection)
    socket.once('close', () => this.#remove(connection))
    noticePeerEnd(connection, socket)
    return connection
  }

  #secure(stream: net.Socket & { _parent?: net.Socket }): Connection | undefined {
    const connection = this.of(stream._parent ?? null)
    if (connection === undefined) return undefined
    transition.secured(connection, stream)
    this.#byStream.set(stream, connection)
    noticePeerEnd(connection, stream)
    return connection
  }

  #openSession(connection: Connection, session: ServerHttp2Session): void {
    transition.openedSession(connection, session)
    session.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
      const exchange = this.#begin(connection, {
        label: `${String(headers[':method'])} ${String(headers[':path'])}`,
        startedAt: performance.now(),
        stream,
      })
      stream.once('close', () => this.#end(connection, exchange, stream.rstCode === 0 && stream.headersSent))
    })
    for (const observer of this.#observers) observer.sessionOpened?.(connection)
  }

  /** An application that detects the protocol gives the connection to one of several servers. */
  #passedOn(connection: Connection, server: net.Server): void {
    transition.passedOn(connection, server)
    this.track(server)
  }

  #upgrade(request: IncomingMessage, stream: net.Socket): void {
    const connection = this.of(stream)
    if (connection === undefined) return
    transition.becameUpgraded(connection, new Upgraded(request, stream))
    for (const observer of this.#observers) observer.upgraded?.(connection)
  }

  #begin(connection: Connection, exchange: Exchange): Exchange {
    transition.beganExchange(connection, exchange)
    for (const observer of this.#observers) observer.requested?.(connection, exchange)
    this.#changed()
    return exchange
  }

  #end(connection: Connection, exchange: Exchange, answered: boolean): void {
    if (!transition.endedExchange(connection, exchange)) return
    if (answered) this.#tally.answered(performance.now() - exchange.startedAt)
    if (connection.exchanges.length === 0)
      for (const observer of this.#observers) observer.becameIdle?.(connection)
    this.#changed()
  }

  #remove(connection: Connection): void {
    if (!this.open.delete(connection)) return
    const { socket, stream } = connection
    const broken = [socket.errored, stream.errored].some((error) => error !== null && 'code' in error)
    this.#tally.ended(connection.fate ?? (broken ? 'peer' : 'orderly'))
    for (const observer of this.#observers) observer.closed?.(connection)
    this.#changed()
  }

  #changed(): void {
    for (const observer of this.#observers) observer.changed?.()
  }

  #requestStarted({ request, response, socket, server }: HttpMessage): void {
    const connection = this.of(socket) ?? this.#secure(socket)
    if (connection === undefined || connection.phase === 'closing') return
    if (connection.server !== server) this.#passedOn(connection, server)
    if (!connection.stateful && authenticatesConnection(request.rawHeaders))
      transition.becameStateful(connection)
    const label = `${request.method} ${request.url}`
    this.#begin(connection, { label, startedAt: performance.now(), request, response })
  }

  #responseFinished({ response, socket }: HttpMessage): void {
    const connection = this.of(socket)
    const exchange = connection?.exchanges.find((candidate) => candidate.response === response)
    if (connection !== undefined && exchange !== undefined) this.#end(connection, exchange, true)
  }

  #watchRequests(): void {
    this.#stopWatching = watchRequests({
      started: (message) => this.#requestStarted(message),
      finished: (message) => this.#responseFinished(message),
      streaming: (response) => this.#streaming(response),
    })
  }

  #streaming(response: ServerResponse): void {
    const connection = this.of(response.socket)
    if (connection === undefined) return
    for (const observer of this.#observers) observer.streaming?.(connection)
  }
}

/** The peer ended it if its FIN came before this process sent its own. */
function noticePeerEnd(connection: Connection, stream: net.Socket): void {
  stream.prependOnceListener('end', () => {
    if (!stream.writableEnded) transition.endedByPeer(connection)
  })
}
