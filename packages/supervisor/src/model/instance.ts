import type { ConnectionAccount } from './receipt.js'

/** How a process ended. */
export interface Exit {
  code: number | null
  /** For example `SIGKILL`. */
  signal: string | null
}

export type DrainReason = 'upgrade' | 'rollback' | 'scale' | 'restart' | 'liveness' | 'stop'

/**
 * One process (tree) of one revision.
 *
 *     starting ──► ready ◄──► unready
 *        │           │           │
 *        │           ▼           │
 *        ├──────► draining ◄─────┘      (SIGTERM was sent; SIGKILL at `deadline`)
 *        │           │
 *        ▼           ▼
 *     crashed      gone
 *        │
 *        └──► starting                  (same id, restarts + 1, after the back-off)
 */
export type Instance = InstanceCommon & InstanceState

export interface InstanceCommon {
  /** For example `web-3`; never used again. */
  id: string
  revision: number
  /** Milliseconds since the epoch. */
  createdAt: number
  /** The process, once it was started. */
  pid: number | null
  /** Start time of the process in clock ticks since boot (proc(5), field 22): with the pid, an identity. */
  startTime: string | null
  /** How often this instance was started again after a crash. */
  restarts: number
  account: ConnectionAccount | null
}

export type InstanceState =
  /** The start was journaled; the process exists from `InstanceStarted` on. */
  | { state: 'starting'; since: number }
  | { state: 'ready'; since: number }
  /** It was ready; its readiness probe fails now. */
  | { state: 'unready'; since: number }
  | {
      state: 'draining'
      since: number
      /** When SIGKILL is due, milliseconds since the epoch. */
      deadline: number
      reason: DrainReason
      /** Whether it may still accept new connections. */
      accepting: boolean
      killed: boolean
    }
  /** It exited and waits for its back-off. */
  | { state: 'crashed'; since: number; restartAt: number; exit: Exit }
