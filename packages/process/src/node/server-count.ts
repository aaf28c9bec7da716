import type net from 'node:net'

/** Makes `socket` one of `server`'s: for `getConnections()`, and for 'close', which follows the last connection. */
export function countFor(server: net.Server, socket: net.Socket): void {
  Object.assign(socket, { server, _server: server })
  const counted = server as net.Server & { _connections: number }
  counted._connections++
}
