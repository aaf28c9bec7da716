import type { Connection, Exchange } from './connection.js'

/** Observes connections. Every callback runs in the same turn of the event loop as the event. */
export interface ConnectionsObserver {
  requested?(connection: Connection, exchange: Exchange): void
  becameIdle?(connection: Connection): void
  sessionOpened?(connection: Connection): void
  upgraded?(connection: Connection): void
  /** A response is an event stream. */
  streaming?(connection: Connection): void
  closed?(connection: Connection): void
  /** The account has changed. */
  changed?(): void
}
