import type { ServerResponse } from 'node:http'
import type net from 'node:net'
import type { Connection, Connections, Exchange } from '../connections/connections.js'
import { withConnectionClose } from './http1-headers.js'
import { betweenMessages, speaksHttp1 } from '../connections/idle.js'

/**
 * The last-request way: a keep-alive connection stays open, its next response carries `Connection: close`,
 * and it ends after that response. Closing it while it is idle would race with the request that the client
 * may just be sending.
 *
 * Pipelining decides on which response: Node ends the connection after the one that says `close`, and what
 * was received behind it would never be answered. So it is said on the newest request of the connection, at
 * the moment that its header is written, and not if a further request is already partly here. To know what
 * is here, a request is given to the application only after the event loop has read its sockets once more.
 */
export class LastRequests {
  readonly #connections: Connections
  /** Connections that need not end: a successor takes them. */
  #spared: (connection: Connection) => boolean = () => false
  readonly #held = new WeakSet<net.Server>()
  readonly #prepared = new WeakSet<ServerResponse>()
  /** What was found when a connection was looked at, and how many bytes it had brought by then. */
  readonly #looks = new WeakMap<Connection, { bytes: number; betweenMessages: boolean }>()
  #arrived: { connection: Connection; dispatch: () => void }[] | null = null

  constructor(connections: Connections) {
    this.#connections = connections
  }

  /** Called again, it goes on with others spared. */
  begin(spared: (connection: Connection) => boolean): void {
    this.#spared = spared
    for (const server of this.#connections.servers) if (speaksHttp1(server)) this.#hold(server)
    const answering = [...this.#connections.open].filter(({ exchanges }) => exchanges.length > 0)
    this.#look(answering)
    for (const connection of answering) {
      for (const exchange of connection.exchanges) this.prepare(connection, exchange)
    }
  }

  /** Lets the response say `close`, if it is the last one when its header is written. */
  prepare(connection: Connection, { response }: Exchange): void {
    if (response === undefined || response.headersSent || this.#prepared.has(response)) return
    this.#prepared.add(response)
    const writeHead = Reflect.get(response, 'writeHead') as (...args: unknown[]) => ServerResponse
    response.writeHead = (...args: unknown[]) => {
      const final = !response.headersSent && Number(args[0]) >= 200
      if (!final || !this.#isLast(connection, response)) return writeHead.apply(response, args)
      connection.closing = true
      lingerAfter(connection)
      return writeHead.apply(response, withConnectionClose(response, args))
    }
  }

  /**
   * From here on, requests that come behind others on their connection are not taken any more: a client that
   * always has one more request on its way would otherwise never see the end.
   */
  lastCall(): void {
    for (const connection of this.#connections.open) {
      if (connection.exchanges.some(({ response }) => response?.headersSent === false))
        connection.closing = true
    }
  }

  #hold(server: net.Server): void {
    if (this.#held.has(server)) return
    this.#held.add(server)
    const emit = Reflect.get(server, 'emit') as (...args: unknown[]) => boolean
    server.emit = (...args: unknown[]) => {
      const [event, request, response] = args as [unknown, { socket?: net.Socket } | undefined, unknown]
      if (!requestEvents.has(event)) return emit.apply(server, args)
      const connection = this.#connections.of(request?.socket ?? null)
      if (connection === undefined || connection.session !== null) return emit.apply(server, args)
      const taken = connection.exchanges.some((exchange) => exchange.response === response)
      if (taken && this.#spared(connection)) return emit.apply(server, args)
      if (taken) this.#afterFreshLook(connection, () => emit.apply(server, args))
      return true
    }
  }

  /**
   * The rest of this chunk is parsed by the first immediate; between it and the second one the loop polls,
   * and reads what had reached the kernel meanwhile.
   */
  #afterFreshLook(connection: Connection, dispatch: () => void): void {
    if (this.#arrived === null) {
      const batch: { connection: Connection; dispatch: () => void }[] = (this.#arrived = [])
      setImmediate(() => {
        this.#arrived = null
        setImmediate(() => {
          this.#look(batch.map((entry) => entry.connection))
          // One of them may throw, as in any 'request' handler: the others still get their turn.
          for (const entry of batch)
            process.nextTick(() => entry.connection.stream.destroyed || entry.dispatch())
        })
      })
    }
    this.#arrived.push({ connection, dispatch })
  }

  #look(connections: Connection[]): void {
    const quiet = betweenMessages(
      this.#connections,
      connections.map(({ stream }) => stream),
    )
    for (const connection of connections) {
      const { stream } = connection
      this.#looks.set(connection, { bytes: stream.bytesRead, betweenMessages: quiet.has(stream) })
    }
  }

  #isLast(connection: Connection, response: ServerResponse): boolean {
    if (this.#spared(connection)) return false
    const newest = connection.exchanges.at(-1)
    if (newest?.response !== response) return false
    if (connection.closing) return true
    // An answer before the end of the upload: the rest of the body is still coming.
    if (newest.request?.complete !== true) return false
    // Node stopped reading, because the answers are not taken off: nobody knows what waits in the kernel.
    if ((connection.stream as { _paused?: boolean })._paused === true) return false
    if (this.#looks.get(connection)?.bytes !== connection.stream.bytesRead) this.#look([connection])
    return this.#looks.get(connection)?.betweenMessages === true
  }
}

/**
 * Half-closes, and reads on until the peer closes too (RFC 9112, 9.6): a socket closed with unread bytes sends
 * a reset, and a reset may destroy the response that is still on its way to the client.
 */
export function lingeringClose(stream: net.Socket): void {
  if (stream.destroyed) return
  stream.end(() => {
    if (stream.destroyed) return
    const timer = setTimeout(() => stream.destroy(), lingerMs)
    stream.once('close', () => clearTimeout(timer))
  })
}

/** A client that was told `close` and got our FIN has no reason to stay longer than a slow round trip. */
const lingerMs = 1000

const requestEvents = new Set<unknown>(['request', 'checkContinue', 'checkExpectation'])

/** Node ends a connection by `destroySoon` once the response that said `close` is written. */
function lingerAfter(connection: Connection): void {
  const { stream } = connection
  stream.destroySoon = () => {
    connection.fate ??= 'orderly'
    lingeringClose(stream)
  }
}
