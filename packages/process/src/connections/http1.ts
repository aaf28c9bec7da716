import type net from 'node:net'
import { isEmpty } from '../node/handle.js'
import type { Connection } from './connection.js'
import type { Connections } from './connections.js'

/**
 * The candidates that are at rest: no request in flight, no byte of a further one received, nothing left to write.
 * Call it right after the event loop has polled, so that bytes in the kernel count, too.
 */
export function idleConnections(connections: Connections, candidates: Iterable<Connection>): Connection[] {
  const quiet = betweenMessages(connections, [])
  return [...candidates].filter((connection) => {
    const { exchanges, session, socket, stream } = connection
    if (exchanges.length > 0 || session !== null) return false
    return (neverSpoke(connection) || quiet.has(stream)) && isEmpty(socket) && isEmpty(stream)
  })
}

/**
 * The streams on which no HTTP/1 message is half received: those that `closeIdleConnections()`, a public function of
 * Node, would destroy. Nothing is destroyed, because `destroy()` is replaced on each stream during the call.
 *
 * Node skips a stream with an unfinished response. The streams in `answering` are included nevertheless.
 */
export function betweenMessages(connections: Connections, answering: Iterable<net.Socket>): Set<net.Socket> {
  const quiet = new Set<net.Socket>()
  const restore: (() => void)[] = []
  const replace = (stream: net.Socket, key: 'destroy' | '_httpMessage', value: unknown) => {
    const own = Object.getOwnPropertyDescriptor(stream, key)
    Object.defineProperty(stream, key, { value, configurable: true, writable: true })
    restore.push(() => {
      if (own === undefined) Reflect.deleteProperty(stream, key)
      else Object.defineProperty(stream, key, own)
    })
  }
  for (const stream of connections.streams()) replace(stream, 'destroy', () => quiet.add(stream))
  for (const stream of new Set(answering)) replace(stream, '_httpMessage', null)
  try {
    for (const server of connections.servers) if (speaksHttp1(server)) closeIdle(server)
  } finally {
    for (const undo of restore.reverse()) undo()
  }
  for (const connection of connections.open)
    if (connection.passedOn && hasWholeRequests(connection)) quiet.add(connection.stream)
  return quiet
}

/** Node tracks connections only for a server that has listened. Whether a next request has begun is unknown then. */
const hasWholeRequests = ({ exchanges }: Connection): boolean =>
  exchanges.every(({ request }) => request?.complete === true)

/** From here on, nothing that the application calls on `server` ends a connection: the drain does. */
export function endsWithDrain(server: net.Server): void {
  if (!speaksHttp1(server) || replaced.has(server)) return
  replaced.set(server, server.closeIdleConnections.bind(server))
  Object.assign(server, { closeIdleConnections() {}, closeAllConnections() {} })
}

/** Node's own function of servers whose function was replaced. */
const replaced = new WeakMap<net.Server, () => void>()

const closeIdle = (server: net.Server & { closeIdleConnections(): void }): void =>
  (replaced.get(server) ?? server.closeIdleConnections).call(server)

/** A server of http or https, or one of http2 with allowHTTP1. */
export function speaksHttp1(server: net.Server): server is net.Server & { closeIdleConnections(): void } {
  return 'closeIdleConnections' in server && typeof server.closeIdleConnections === 'function'
}

/** HTTP/1 without TLS. */
export function isPlainHttp1(server: net.Server): boolean {
  return speaksHttp1(server) && !('setSecureContext' in server)
}

/** No byte has come since it connected, or none after the TLS handshake. */
function neverSpoke({ server, socket, stream }: Connection): boolean {
  if (socket.bytesRead === 0) return true
  const tls = 'setSecureContext' in server
  return tls && (stream === socket || stream.bytesRead === 0)
}
