import type { IncomingMessage } from 'node:http'
import type net from 'node:net'

/**
 * Calls `upgrading` with each upgrade request for a WebSocket, before the application gets it. Returns a
 * function that stops this.
 *
 * Node upgrades only if 'upgrade' has a listener. So this function has a listener exactly while the application has
 * one.
 */
export function watchUpgrades(
  server: net.Server,
  upgrading: (request: IncomingMessage, stream: net.Socket) => void,
): () => void {
  const upgrade = (request: IncomingMessage, stream: net.Socket) => {
    if (request.headers.upgrade?.toLowerCase() === 'websocket') upgrading(request, stream)
  }
  const added = (event: string | symbol) => {
    if (event === 'upgrade' && !server.listeners('upgrade').includes(upgrade))
      server.prependListener('upgrade', upgrade)
  }
  const removed = (event: string | symbol) => {
    if (event === 'upgrade' && server.listeners('upgrade').every((listener) => listener === upgrade))
      server.off('upgrade', upgrade)
  }
  if (server.listenerCount('upgrade') > 0) added('upgrade')
  server.on('newListener', added).on('removeListener', removed)
  return () => server.off('newListener', added).off('removeListener', removed).off('upgrade', upgrade)
}
