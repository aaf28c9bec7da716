import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ServerHttp2Session, ServerHttp2Stream, IncomingHttpHeaders } from 'node:http2'
import type net from 'node:net'
import type { ConnectionAccount } from '../protocol/account.js'
import { Tally, type Fate } from './tally.js'
import { followEventStreams } from './event-stream/follow.js'
import { Upgraded } from './websocket/upgraded.js'
import { watchUpgrades } from './websocket/watch.js'

/** A request that was received and is not yet answered to its last byte. */
export interface Exchange {
  /** For people: `GET /slow`. */
  label: string
  /** Milliseconds, performance.now(). */
  startedAt: number
  /** HTTP/2 only. */
  stream?: ServerHttp2Stream
  /** HTTP/1 only. */
  request?: IncomingMessage
  response?: ServerResponse
}

export interface Connection {
  readonly server: net.Server
  /** As it was accepted. */
  readonly socket: net.Socket
  /** What the application's protocol runs on: the TLS socket above `socket`, once the handshake is done. */
  stream: net.Socket
  /** Oldest first. */
  exchanges: Exchange[]
  /** How many requests it has brought so far. */
  requests: number
  /** How many unanswered requests it has had at once, at most. */
  busiest: number
  /** Set on an HTTP/2 connection. */
  session: ServerHttp2Session | null
  /** Set once it was asked to become a WebSocket. */
  upgraded: Upgraded | null
  /** When it was accepted or last became idle: milliseconds, performance.now(). */
  idleSince: number
  /** It was told that no further request will be answered. */
  closing: boolean
  /** How it ends, where that is known before it is closed. */
  fate: Fate | null
  /** Adopted, and waiting for its next request: the server does not have it yet. */
  aside: boolean
  /** The application wants it to stay in this process. */
  pinned: boolean
  /** While it is on its way to a successor: the socket's own timeout, in milliseconds. */
  patience: number
}

/** What a drain wants to hear of. */
export interface ConnectionsObserver {
  requested(connection: Connection, exchange: Exchange): void
  becameIdle(connection: Connection): void
  sessionOpened(connection: Connection): void
  upgraded(connection: Connection): void
  /** A response turned out to be an event stream. */
  streaming(connection: Connection): void
  closed(connection: Connection): void
}

/**
 * Every connection of the tracked servers, what it is doing, and the account of those that are gone.
 * Nothing here changes what a server does: it listens to Node's own events and diagnostics channels.
 */
export class Connections {
  readonly servers = new Set<net.Server>()
  readonly open = new Set<Connection>()
  observer: ConnectionsObserver | null = null
  /** Called when the account has changed. */
  changed: () => void = () => {}
  readonly #byStream = new WeakMap<object, Connection>()
  readonly #tally = new Tally()
  /** Connections of our own probe sockets: served like any other, but nobody's business in the account. */
  readonly #probes = new Set<net.Socket>()
  readonly #stopListening = new WeakMap<net.Server, () => void>()
  #stopFollowing: () => void = () => {}

  /** Follows the connections of `server`, from the next one on; `already`: those that it has by now. */
  track(server: net.Server, already: Iterable<net.Socket> = []): void {
    if (this.servers.has(server)) return
    if (this.servers.size === 0) this.#subscribe()
    this.servers.add(server)
    let current: Connection | undefined
    const connected = (socket: net.Socket) => (current = this.#add(server, socket))
    const secured = (stream: net.Socket) => (current = this.#secure(stream))
    const opened = (session: ServerHttp2Session) => current && this.#openSession(current, session)
    const dropped = () => this.#refused()
    // Before Node's own listeners: these start the protocol and may emit 'session' while they run.
    server.prependListener('connection', connected)
    server.prependListener('secureConnection', secured)
    server.on('session', opened).on('drop', dropped)
    const stopWatching = watchUpgrades(server, (request, stream) => this.#upgrade(request, stream))
    this.#stopListening.set(server, () => {
      stopWatching()
      server.off('connection', connected).off('secureConnection', secured)
      server.off('session', opened).off('drop', dropped)
    })
    for (const socket of already) this.#add(server, socket)
  }

  /** Forgets every server; what is open is no longer followed. */
  untrackAll(): void {
    for (const server of this.servers) this.#stopListening.get(server)?.()
    this.servers.clear()
    this.#unsubscribe()
  }

  of(stream: object | null): Connection | undefined {
    return stream === null ? undefined : this.#byStream.get(stream)
  }

  /** What the open connections run on, those of probes included. */
  *streams(): Generator<net.Socket> {
    for (const { stream } of this.open) yield stream
    yield* this.#probes
  }

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

  /** A predecessor's connection, before `server` gets to know it. */
  adopt(server: net.Server, socket: net.Socket, requests: number): Connection {
    const connection = this.#follow(server, socket)
    connection.requests = requests
    connection.aside = true
    this.#tally.adopted++
    this.changed()
    return connection
  }

  /** A successor has it: only our copy of the socket is left to close. */
  release(connection: Connection): void {
    this.#remove(connection)
    connection.socket.destroy()
  }

  #add(server: net.Server, socket: net.Socket): Connection | undefined {
    if (this.#probes.has(socket)) return undefined
    const adopted = this.of(socket)
    if (adopted !== undefined) return adopted
    const connection = this.#follow(server, socket)
    this.#tally.accepted++
    this.changed()
    return connection
  }

  #refused(): void {
    this.#tally.refused++
    this.changed()
  }

  #follow(server: net.Server, socket: net.Socket): Connection {
    const connection: Connection = {
      server,
      socket,
      stream: socket,
      exchanges: [],
      requests: 0,
      busiest: 0,
      session: null,
      upgraded: null,
      idleSince: performance.now(),
      closing: false,
      fate: null,
      aside: false,
      pinned: false,
      patience: 0,
    }
    this.open.add(connection)
    this.#byStream.set(socket, connection)
    socket.once('close', () => this.#remove(connection))
    noticePeerEnd(connection, socket)
    return connection
  }

  #secure(stream: net.Socket & { _parent?: net.Socket }): Connection | undefined {
    const connection = this.of(stream._parent ?? null)
    if (connection === undefined) return undefined
    connection.stream = stream
    connection.idleSince = performance.now()
    this.#byStream.set(stream, connection)
    noticePeerEnd(connection, stream)
    return connection
  }

  #openSession(connection: Connection, session: ServerHttp2Session): void {
    connection.session = session
    session.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
      const exchange = this.#begin(connection, {
        label: `${String(headers[':method'])} ${String(headers[':path'])}`,
        startedAt: performance.now(),
        stream,
      })
      stream.once('close', () => this.#end(connection, exchange, stream.rstCode === 0 && stream.headersSent))
    })
    this.observer?.sessionOpened(connection)
  }

  #upgrade(request: IncomingMessage, stream: net.Socket): void {
    const connection = this.of(stream)
    if (connection === undefined) return
    connection.upgraded = new Upgraded(request, stream)
    this.observer?.upgraded(connection)
  }

  #begin(connection: Connection, exchange: Exchange): Exchange {
    const count = connection.exchanges.push(exchange)
    connection.requests++
    if (count > connection.busiest)
      connection.busiest = Math.max(connection.busiest, unanswered(connection).length)
    this.observer?.requested(connection, exchange)
    this.changed()
    return exchange
  }

  #end(connection: Connection, exchange: Exchange, answered: boolean): void {
    const index = connection.exchanges.indexOf(exchange)
    if (index === -1) return
    connection.exchanges.splice(index, 1)
    if (answered) this.#tally.answered(performance.now() - exchange.startedAt)
    if (connection.exchanges.length === 0) {
      connection.idleSince = performance.now()
      this.observer?.becameIdle(connection)
    }
    this.changed()
  }

  #remove(connection: Connection): void {
    if (!this.open.delete(connection)) return
    const { socket, stream } = connection
    const broken = [socket.errored, stream.errored].some((error) => error !== null && 'code' in error)
    this.#tally.ended(connection.fate ?? (broken ? 'peer' : 'orderly'))
    this.observer?.closed(connection)
    this.changed()
  }

  #requestStarted = (message: unknown): void => {
    const { request, response, socket } = message as HttpMessage
    const connection = this.of(socket)
    if (connection === undefined || connection.closing) return
    const label = `${request.method} ${request.url}`
    this.#begin(connection, { label, startedAt: performance.now(), request, response })
  }

  #responseFinished = (message: unknown): void => {
    const { response, socket } = message as HttpMessage
    const connection = this.of(socket)
    const exchange = connection?.exchanges.find((candidate) => candidate.response === response)
    if (connection !== undefined && exchange !== undefined) this.#end(connection, exchange, true)
  }

  #subscribe(): void {
    this.#stopFollowing = followEventStreams((response) => {
      const connection = this.of(response.socket)
      if (connection !== undefined) this.observer?.streaming(connection)
    })
    subscribe('http.server.request.start', this.#requestStarted)
    subscribe('http.server.response.finish', this.#responseFinished)
  }

  #unsubscribe(): void {
    this.#stopFollowing()
    unsubscribe('http.server.request.start', this.#requestStarted)
    unsubscribe('http.server.response.finish', this.#responseFinished)
  }
}

interface HttpMessage {
  request: IncomingMessage
  response: ServerResponse
  socket: net.Socket
}

/** Those whose answer the application has not ended yet. */
export function unanswered({ exchanges }: Connection): Exchange[] {
  return exchanges.filter(({ response, stream }) => !(stream ?? response)?.writableEnded)
}

/** The peer ended it if its FIN came before ours. */
function noticePeerEnd(connection: Connection, stream: net.Socket): void {
  stream.prependOnceListener('end', () => {
    if (!stream.writableEnded) connection.fate ??= 'peer'
  })
}
