import { markCut, type Connection, type Exchange } from '../connections/connection.js'
import type { Connections } from '../connections/connections.js'
import type { Mover } from '../move/mover.js'
import { LastRequests } from './last-requests.js'
import { Patience } from './patience.js'
import type { ProtocolDrain } from './protocol.js'
import { describe, describeExchange, protocolDrains, protocolOf } from './protocols.js'

export interface DrainLimits {
  /** The time at which the remaining connections are cut: milliseconds, performance.now(). */
  deadline: number
  /** For how long an idle keep-alive connection stays open for its last request. Milliseconds. */
  idleMs: number
  /** How long a request has waited when `waiting` is called. Milliseconds. */
  patienceMs: number
  /** Called once when only such requests are left, and connections that only the application can end. */
  waiting(): void
}

/**
 * Ends every open connection in the way of its protocol, moves those that a successor takes, and cuts what is left at
 * the deadline. Call it after accepting has stopped, right after a poll.
 *
 * Resolves when the last connection has ended, with what was cut: `GET /slow 12.3 s`, `half-sent request`.
 */
export function finishConnections(
  connections: Connections,
  mover: Mover,
  limits: DrainLimits,
  lastRequests = new LastRequests(connections),
): Promise<string[]> {
  return new Promise((resolve) => {
    const spared = (connection: Connection) => mover.takes(connection)
    const cut: string[] = []
    const reportCut = (exchange: Exchange) => cut.push(describeExchange(exchange))
    const context = { connections, lastRequests, spared, reportCut, ...limits }
    const patience = new Patience(context, limits.patienceMs, limits.waiting)
    const drains: ProtocolDrain[] = [...protocolDrains(context), patience]
    const remainingMs = limits.deadline - performance.now()
    const lastCall = setTimeout(() => drains.forEach((drain) => drain.lastCall?.()), remainingMs * 0.8)
    const deadline = setTimeout(() => {
      for (const drain of drains) drain.closeIdle?.()
      for (const connection of connections.open) cut.push(...cutConnection(connection))
    }, remainingMs)
    const finish = () => {
      if (connections.open.size > 0) return
      clearTimeout(lastCall)
      clearTimeout(deadline)
      for (const drain of drains) drain.stop?.()
      mover.close()
      for (const end of subscriptions) end()
      resolve(cut)
    }
    const subscriptions = [
      ...drains.map((drain) => connections.subscribe(drain)),
      connections.subscribe({ becameIdle: () => mover.schedule(), closed: finish }),
      mover.subscribe(() => drains.forEach((drain) => drain.reconsider?.())),
    ]
    connections.beginDrain()
    mover.begin()
    for (const drain of drains) drain.begin()
    finish()
  })
}

/** Returns its description, unless it was finished and only waited for its peer or for a successor. */
function cutConnection(connection: Connection): string[] {
  if (connection.phase !== 'serving' && connection.exchanges.length === 0) {
    connection.stream.destroy()
    return []
  }
  markCut(connection)
  const names = describe(connection)
  protocolOf(connection).cut(connection)
  return names
}
