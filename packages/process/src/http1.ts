import type { ServerResponse } from 'node:http'
import type net from 'node:net'
import type { Connection, Connections, Exchange } from './connections.js'

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

  constructor(connections: Connections) {
    this.#connections = connections
  }

  begin(): void {
    for (const server of this.#connections.servers) if (speaksHttp1(server)) this.#hold(server)
    for (const connection of this.#connections.open) {
      for (const exchange of connection.exchanges) this.prepare(connection, exchange)
    }
  }

  /** Lets the response say `close`, if it is the last one when its header is written. */
  prepare(connection: Connection, { response }: Exchange): void {
    if (response === undefined || response.headersSent) return
    const writeHead = Reflect.get(response, 'writeHead') as (...args: unknown[]) => ServerResponse
    response.writeHead = (...args: unknown[]) => {
      const final = !response.headersSent && Number(args[0]) >= 200
      if (!final || !isLast(connection, response)) return writeHead.apply(response, args)
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
    const emit = Reflect.get(server, 'emit') as (...args: unknown[]) => boolean
    server.emit = (...args: unknown[]) => {
      const [event, request, response] = args as [unknown, { socket?: net.Socket } | undefined, unknown]
      if (!requestEvents.has(event)) return emit.apply(server, args)
      const connection = this.#connections.of(request?.socket ?? null)
      if (connection === undefined || connection.session !== null) return emit.apply(server, args)
      const taken = connection.exchanges.some((exchange) => exchange.response === response)
      if (taken) afterFreshLook(() => connection.stream.destroyed || emit.apply(server, args))
      return true
    }
  }
}

/** Servers of http and https, and of http2 with allowHTTP1. */
export function speaksHttp1(server: net.Server): server is net.Server & { closeIdleConnections(): void } {
  return 'closeIdleConnections' in server && typeof server.closeIdleConnections === 'function'
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

function isLast(connection: Connection, response: ServerResponse): boolean {
  const newest = connection.exchanges.at(-1)
  if (newest?.response !== response) return false
  if (connection.closing) return true
  // An answer before the end of the upload: the rest of the body is still coming.
  if (newest.request?.complete !== true) return false
  return !hasMoreToParse(connection.stream)
}

/** Whether a further message has begun, or bytes wait unparsed because the responses are not taken off. */
function hasMoreToParse(stream: net.Socket & { parser?: Parser; _paused?: boolean }): boolean {
  return stream._paused === true || (stream.parser?.duration?.() ?? 0) > 0
}

/** Node's HTTP parser: `duration` is the time since the first byte of the message being parsed, else 0. */
interface Parser {
  duration?(): number
}

/**
 * The rest of this chunk is parsed by the first immediate; between it and the second one the loop polls,
 * and reads what had reached the kernel meanwhile.
 */
function afterFreshLook(work: () => void): void {
  setImmediate(() => setImmediate(work))
}

type Headers = Record<string, unknown> | unknown[]

/** The arguments of writeHead(status[, reason][, headers]) with every other wish for the connection removed. */
function withConnectionClose(response: ServerResponse, args: unknown[]): unknown[] {
  response.setHeader('Connection', 'close')
  const last = args.at(-1)
  if (args.length < 2 || typeof last !== 'object' || last === null) return args
  return [...args.slice(0, -1), withoutConnection(last as Headers)]
}

function withoutConnection(headers: Headers): Headers {
  const other = (name: unknown) => String(name).toLowerCase() !== 'connection'
  if (!Array.isArray(headers))
    return Object.fromEntries(Object.entries(headers).filter(([name]) => other(name)))
  if (Array.isArray(headers[0])) return headers.filter((pair) => other((pair as unknown[])[0]))
  return headers.filter((_, i) => other(headers[i - (i % 2)]))
}
