import type { Connection } from './connections.js'
import { speaksHttp1 } from './http1.js'

/**
 * Those of the candidates that owe nothing: no request in flight, not a byte of a further one received,
 * nothing left to write. Node itself is asked, by public API: what `closeIdleConnections()` would destroy.
 * Run it right after the event loop has polled, so that what reached the kernel counts.
 */
export function idleConnections(candidates: Iterable<Connection>): Connection[] {
  const byStream = new Map<object, Connection>()
  const idle = new Set<Connection>()
  for (const connection of candidates) {
    if (connection.exchanges.length > 0 || connection.session !== null) continue
    if (neverSpoke(connection)) idle.add(connection)
    else byStream.set(connection.stream, connection)
  }
  for (const stream of destroyedByNode([...byStream.values()])) {
    const connection = byStream.get(stream)
    if (connection !== undefined) idle.add(connection)
  }
  return [...idle].filter(({ socket, stream }) => isEmpty(socket) && isEmpty(stream))
}

/** Connected, and since then not one byte, or not one beyond the TLS handshake. */
function neverSpoke({ server, socket, stream }: Connection): boolean {
  if (socket.bytesRead === 0) return true
  const tls = 'setSecureContext' in server
  return tls && (stream === socket || stream.bytesRead === 0)
}

/** Which of the streams Node takes for idle. Nothing is destroyed: the call is caught on each of them. */
function destroyedByNode(connections: Connection[]): Set<object> {
  const idle = new Set<object>()
  const servers = new Set(connections.map(({ server }) => server))
  const restore = connections.map(({ stream }) => {
    const own = Object.getOwnPropertyDescriptor(stream, 'destroy')
    stream.destroy = () => {
      idle.add(stream)
      return stream
    }
    return () => {
      if (own === undefined) Reflect.deleteProperty(stream, 'destroy')
      else Object.defineProperty(stream, 'destroy', own)
    }
  })
  try {
    for (const server of servers) if (speaksHttp1(server)) server.closeIdleConnections()
  } finally {
    for (const undo of restore) undo()
  }
  return idle
}

function isEmpty(socket: Connection['socket'] & { _handle?: { writeQueueSize?: number } | null }): boolean {
  return socket.readableLength === 0 && socket.writableLength === 0 && !socket._handle?.writeQueueSize
}
