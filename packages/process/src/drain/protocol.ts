import type { Connection } from '../connections/connection.js'
import type { Connections, ConnectionsObserver } from '../connections/connections.js'
import type { LastRequests } from './last-requests.js'

/** How the connections of one protocol end: a file in this folder, and a line in `protocols.ts`. */
export interface Protocol {
  /** Whether a connection is of this protocol. Of several in the list, the first one ends it. */
  owns(connection: Connection): boolean
  /** What a connection that is cut without a request in flight is called in reports. */
  readonly name: string
  /** Ends the connection at once. The deadline has passed. */
  cut(connection: Connection): void
  drain(context: DrainContext): ProtocolDrain
}

/** One drain of one protocol, subscribed to all connections. Events may come before `begin`. */
export interface ProtocolDrain extends ConnectionsObserver {
  /** Asks the connections to end in the way of the protocol, those that come later as well. */
  begin(): void
  /** Some connections that were spared are not any more. */
  reconsider?(): void
  /** Four fifths of the time have passed: stop waiting for good moments. */
  lastCall?(): void
  /** The deadline has passed: close what is idle, before the rest is cut. */
  closeIdle?(): void
  /** Nothing more is ended. What was told to end still does. */
  stop?(): void
}

export interface DrainContext {
  readonly connections: Connections
  readonly lastRequests: LastRequests
  /** Connections that need not end, because another process continues them. */
  spared(connection: Connection): boolean
  /** When what is left is cut: milliseconds, performance.now(). */
  readonly deadline: number
  /** For how long an idle keep-alive connection stays open for its last request. Milliseconds. */
  readonly idleMs: number
}
