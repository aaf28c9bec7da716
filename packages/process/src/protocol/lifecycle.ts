import type { ConnectionAccount } from './account.js'

/**
 *     starting ──► ready ──► draining ──► closed
 *        │                      ▲
 *        └──────────────────────┘
 */
export type ServiceState = 'starting' | 'ready' | 'draining' | 'closed'

export interface DrainReport {
  /** Why it drained: the signal's name, or what `drain()` was given. */
  reason: string
  /** What was cut at the deadline, for example `GET /slow 12.3 s`; empty when everything was finished. */
  cut: string[]
  /** From the start of the drain to the end of the last connection, hooks included. */
  seconds: number
  account: ConnectionAccount
}

export type Hook = (reason: string) => unknown
