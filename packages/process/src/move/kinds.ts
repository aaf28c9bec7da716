import fs from 'node:fs'
import type net from 'node:net'
import { adoptConnection } from './received.js'
import type { MovedConnection } from '../protocol/moves.js'
import type { Connections } from '../connections/connections.js'
import { adoptWebSocket, isComplete } from './websocket.js'
import type { Endpoints } from '../connections/websocket/endpoints.js'

/** Goes on with a predecessor's connection on `server`; false, and the descriptor closed, where that cannot be. */
export function takeConnection(
  connections: Connections,
  endpoints: Endpoints,
  server: net.Server | undefined,
  about: MovedConnection,
  fd: number,
): boolean {
  const { webSocket } = about
  if (server?.listening === true) {
    if (webSocket === undefined) return adoptConnection(connections, server, fd, about)
    const endpoint = isComplete(webSocket) ? endpoints.named(webSocket.name) : undefined
    if (endpoint) return adoptWebSocket(connections, server, fd, { ...about, webSocket }, endpoint)
  }
  fs.closeSync(fd)
  return false
}
