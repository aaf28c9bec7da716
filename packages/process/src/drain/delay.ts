import type { Connection, Connections } from '../connections/connections.js'
import type { LastRequests } from './last-requests.js'

/**
 * The time in which a draining process goes on accepting: whoever has its address, a load balancer, kube-proxy on
 * some node, a client with its own list, hears only now that it goes. Resolves when that time is over.
 *
 * Connections that were open when it began are let go meanwhile: the next HTTP/1 response of each says
 * `Connection: close`, from a moment on that is its own. So they come back one after the other, and most of them
 * to another process, as they would not if all had to go at the end; and pools are not emptied at one blow. One
 * that comes while we are leaving is kept: to close it would only bring it back, from somebody who still
 * believes in us. All that is left hears it when the time is over.
 */
export async function goOnAccepting(
  connections: Connections,
  lastRequests: LastRequests,
  delayMs: number,
): Promise<void> {
  const startedAt = performance.now()
  const moments = new Map(
    [...connections.open].map((connection) => [connection, startedAt + Math.random() * delayMs]),
  )
  const leaving = new WeakSet<Connection>()
  connections.observer = {
    requested: (connection, exchange) => {
      if (performance.now() >= (moments.get(connection) ?? Infinity)) leaving.add(connection)
      lastRequests.prepare(connection, exchange)
    },
    closed: (connection) => void moments.delete(connection),
    becameIdle: () => {},
    sessionOpened: () => {},
    upgraded: () => {},
    streaming: () => {},
  }
  lastRequests.begin((connection) => !leaving.has(connection))
  await new Promise<void>((resolve) => setTimeout(resolve, delayMs))
}
