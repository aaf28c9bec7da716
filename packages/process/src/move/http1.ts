import fs from 'node:fs'
import net from 'node:net'
import type { MovedConnection } from '../protocol/moves.js'
import type { Connection, Connections } from '../connections/connections.js'

/**
 * Serves a predecessor's connection on `server`; false, and the descriptor closed, where it cannot be.
 *
 * One that has brought requests before is kept aside until its next one. To Node it would be a connection that
 * has just been opened and owes its first request: after `headersTimeout` it would get a 408 that nobody asked
 * for, and the client would take it for the answer to whatever it asks next.
 */
export function adoptConnection(
  connections: Connections,
  server: net.Server,
  fd: number,
  { fresh, requests }: MovedConnection,
): boolean {
  let socket: net.Socket
  try {
    // allowHalfOpen as http.Server has it: a client may end its side before it reads the answer.
    socket = new net.Socket({ fd, readable: true, writable: true, allowHalfOpen: true })
  } catch {
    fs.closeSync(fd)
    return false
  }
  const connection = connections.adopt(server, socket, requests)
  if (fresh) introduce(connection)
  else keepAside(connection)
  return true
}

/** It has the keep-alive timeout that Node would have given it; its own, on top, begins anew. */
function keepAside(connection: Connection): void {
  const { server, socket } = connection
  const failed = () => {} // 'close' follows
  const expired = () => {
    connection.fate ??= 'orderly'
    socket.destroy()
  }
  const looked = () => {
    const bytes = socket.read() as Buffer | null
    if (bytes === null) return // its end, which has an event of its own
    socket.off('readable', looked).off('timeout', expired).off('error', failed).off('end', ended)
    socket.setTimeout(0)
    introduce(connection)
    socket.unshift(bytes)
  }
  const ended = () => socket.end(() => socket.destroy())
  const { keepAliveTimeout = 0, keepAliveTimeoutBuffer = 0 } = server as KeepAlive
  socket.setTimeout(keepAliveTimeout === 0 ? 0 : keepAliveTimeout + keepAliveTimeoutBuffer)
  socket.on('timeout', expired).on('error', failed).on('end', ended).on('readable', looked)
}

/** Since Node 24.6 a server waits a little longer than it announces. */
interface KeepAlive {
  keepAliveTimeout?: number
  keepAliveTimeoutBuffer?: number
}

/** As if the server had accepted it. */
function introduce(connection: Connection): void {
  const { server, socket } = connection
  connection.aside = false
  countFor(server, socket)
  server.emit('connection', socket)
}

/** For `getConnections`, and for 'close', which the server emits behind its last connection. */
export function countFor(server: net.Server, socket: net.Socket): void {
  Object.assign(socket, { server, _server: server })
  const counted = server as net.Server & { _connections: number }
  counted._connections++
}
