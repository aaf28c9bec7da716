import type { Connection, Exchange } from '../connections/connection.js'
import type { Connections, ConnectionsObserver } from '../connections/connections.js'
import type { LastRequests } from './last-requests.js'

/** How the connections of one protocol end: a file in this folder, and a line in `protocols.ts`. */
export interface Protocol {
  /** Whether a connection is of this protocol. If several match, the first in the list ends it. */
  owns(connection: Connection): boolean
  /** The name, in reports, of a connection that is cut without a request in flight. */
  readonly name: string
  /** Ends the connection at once. The deadline has passed. */
  cut(connection: Connection): void
  drain(context: DrainContext): ProtocolDrain
}

/** One drain of one protocol, subscribed to all connections. Events may come before `begin`. */
export interface ProtocolDrain extends ConnectionsObserver {
  /** Asks the connections to end in the way of the protocol, including later ones. */
  begin(): void
  /** Some connections are no longer spared. */
  reconsider?(): void
  /** Four fifths of the time have passed: stop waiting for good moments. */
  lastCall?(): void
  /** The deadline has passed: close what is idle, before the rest is cut. */
  closeIdle?(): void
  /** Asks no further connection to end. Those that were asked still end. */
  stop?(): void
}

export interface DrainContext {
  readonly connections: Connections
  readonly lastRequests: LastRequests
  /** Connections that need not end, because another process continues them. */
  spared(connection: Connection): boolean
  /** The time at which the remaining connections are cut: milliseconds, performance.now(). */
  readonly deadline: number
  /** Reports a request whose response ends before it is complete. */
  readonly reportCut: (exchange: Exchange) => void
  /** For how long an idle keep-alive connection stays open for its last request. Milliseconds. */
  readonly idleMs: number
}
