import type net from 'node:net'

/** Counts `socket` as a connection of `server`: for `getConnections()`, and for 'close' after the last connection. */
export function countFor(server: net.Server, socket: net.Socket): void {
  Object.assign(socket, { server, _server: server })
  const counted = server as net.Server & { _connections: number }
  counted._connections++
}
