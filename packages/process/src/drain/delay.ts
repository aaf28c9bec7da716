import type { Connection } from '../connections/connection.js'
import type { Connections } from '../connections/connections.js'
import type { LastRequests } from './last-requests.js'

/**
 * Keeps accepting for `delayMs`: some clients do not know yet that the process is shutting down. A load balancer,
 * kube-proxy on some node, or a client with its own list of addresses learns it only now. Resolves after that time.
 *
 * Meanwhile the connections that were open at the start are ended one by one: each has its own random moment, and its
 * next HTTP/1 response after that says `Connection: close`. Most of these clients reconnect to another process, and
 * pools are not emptied at once. A connection that is opened during the delay is kept: its client still uses this
 * address, and would only come back. What is left gets `Connection: close` when the time is over.
 *
 * It lasts until the next `lastRequests.begin()`, so that no request in between is missed.
 */
export async function keepAccepting(
  connections: Connections,
  lastRequests: LastRequests,
  delayMs: number,
): Promise<void> {
  const startedAt = performance.now()
  const moments = new WeakMap<Connection, number>()
  for (const connection of connections.open) moments.set(connection, startedAt + Math.random() * delayMs)
  const leaving = new WeakSet<Connection>()
  lastRequests.begin({
    spared: (connection) => !leaving.has(connection),
    requested(connection) {
      if (performance.now() >= (moments.get(connection) ?? Infinity)) leaving.add(connection)
    },
  })
  await new Promise<void>((resolve) => setTimeout(resolve, delayMs))
}
