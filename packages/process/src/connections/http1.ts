import type net from 'node:net'
import { isEmpty } from '../node/handle.js'
import type { Connection, Connections } from './connections.js'

/**
 * Those of the candidates that owe nothing: no request in flight, not a byte of a further one received,
 * nothing left to write. Run it right after the event loop has polled, so that what reached the kernel counts.
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
 * The streams on which no HTTP/1 message is half received. Node itself is asked, by public API: what
 * `closeIdleConnections()` would destroy. Nothing is destroyed: the call is caught on each stream.
 *
 * Node passes over a stream with a response to come; for those in `answering` it is made to look all the same.
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
    for (const server of connections.servers) if (speaksHttp1(server)) server.closeIdleConnections()
  } finally {
    for (const undo of restore.reverse()) undo()
  }
  return quiet
}

/** Servers of http and https, and of http2 with allowHTTP1. */
export function speaksHttp1(server: net.Server): server is net.Server & { closeIdleConnections(): void } {
  return 'closeIdleConnections' in server && typeof server.closeIdleConnections === 'function'
}

/** Connected, and since then not one byte, or not one beyond the TLS handshake. */
function neverSpoke({ server, socket, stream }: Connection): boolean {
  if (socket.bytesRead === 0) return true
  const tls = 'setSecureContext' in server
  return tls && (stream === socket || stream.bytesRead === 0)
}
