import type { ConnectionAccount } from './account.js'

/**
 * `draining` begins with a signal or `drain()`, `closed` when the last connection has ended.
 *
 *     starting ──► ready ──► draining ──► closed
 *        │                      ▲
 *        └──────────────────────┘
 */
export type ServiceState = 'starting' | 'ready' | 'draining' | 'closed'

export interface DrainReport {
  /** The name of the signal, or the argument of `drain()`. */
  reason: string
  /** The requests that were cut at the deadline, for example `GET /slow 12.3 s`. Empty if all were finished. */
  cut: string[]
  /** From the start of the drain to the end of the last connection, including hooks. */
  seconds: number
  account: ConnectionAccount
}

/** `reason`: see `DrainReport`. A promise is awaited. */
export type Hook = (reason: string) => unknown
