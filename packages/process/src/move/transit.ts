import type net from 'node:net'
import type { Connection } from '../connections/connections.js'
import { descriptorOf, startReading, stopReading } from '../node/handle.js'
import { speaksHttp1 } from '../connections/idle.js'

/** How a connection leaves this program, and comes back where nobody takes it. */

/** A server whose idle connections can be served by any other process: HTTP/1 without TLS. */
export function isPlainHttp1(server: net.Server): boolean {
  return speaksHttp1(server) && !('setSecureContext' in server)
}

/** Whether somebody else could serve it, once it is idle. */
export function isMovable({
  closing,
  pinned,
  server,
  session,
  socket,
  stream,
  upgraded,
}: Connection): boolean {
  if (upgraded !== null && upgraded.session?.mayMove !== true) return false
  if (closing || pinned || session !== null || stream !== socket || !isPlainHttp1(server)) return false
  return socket.readable && socket.writable && !socket.destroyed && descriptorOf(socket) >= 0
}

/** From here on somebody else reads, and nobody here. */
export function setOut(connection: Connection): void {
  const { socket } = connection
  connection.fate = 'handedOver'
  connection.patience = socket.timeout ?? 0
  socket.setTimeout(0)
  stopReading(socket)
  connection.upgraded?.hold()
}

/** It is served here again. */
export function comeBack(connection: Connection): void {
  const { socket } = connection
  if (socket.destroyed) return
  connection.fate = null
  socket.setTimeout(connection.patience)
  startReading(socket)
  connection.upgraded?.release()
  connection.upgraded?.session?.resume()
}
