import type { ConnectionAccount } from '@handover/process/protocol'
import type { Failure } from './failure.js'

/** How a process ended. */
export interface Exit {
  code: number | null
  /** For example `SIGKILL`. */
  signal: string | null
}

export type DrainReason = 'upgrade' | 'rollback' | 'scale' | 'restart' | 'liveness' | 'memory' | 'stop'

/**
 * One process (tree) of one revision.
 *
 *     starting ──► ready ◄──► unready
 *        │           │           │
 *        │           ▼           │
 *        ├──────► draining ◄─────┘      (SIGTERM was sent; SIGKILL at `deadline`)
 *        │           │
 *        ▼           ▼
 *     crashed      gone                (draining with `returns` ends in crashed, not gone)
 *        │
 *        └──► starting                  (same id, restarts + 1, after the back-off)
 *
 *     ready ──► starting, `replacing`   (it executes another revision's program; ready again if that fails)
 */
export type Instance = InstanceCommon & InstanceState

export interface InstanceCommon {
  /** For example `web-3`; never used again. */
  id: string
  revision: number
  /** When it was first started, milliseconds since the epoch. */
  createdAt: number
  /** When its present process, or the last one, was started. */
  startedAt: number
  /** The process, once it was started. */
  pid: number | null
  /** Start time of the process in clock ticks since boot (proc(5), field 22): with the pid, an identity. */
  startTime: string | null
  /** How often this instance was started again after a crash. */
  restarts: number
  /** Crashes, failed probes and exceeded memory limits in a row; feeds the back-off, forgotten after ten minutes of running. */
  crashes: number
  /** How its present process failed a startup or liveness probe, or exceeded its memory limit, or how its last process ended; else null. */
  failure: Failure | null
  account: ConnectionAccount | null
  /** While it replaces its program, see `ExecInstance`: what it is if that fails. */
  replacing?: { revision: number; readySince: number }
  /** It has said that it cannot do that. */
  cannotExec?: true
}

export type InstanceState =
  /** The start was journaled; the process exists from `InstanceStarted` on. */
  | { state: 'starting'; since: number }
  | { state: 'ready'; since: number }
  /** It was ready; its readiness probe fails now. */
  | { state: 'unready'; since: number; reason: string }
  | {
      state: 'draining'
      since: number
      /** When SIGKILL is due, milliseconds since the epoch. */
      deadline: number
      reason: DrainReason
      /** Whether it may still accept new connections. */
      accepting: boolean
      killed: boolean
      /** It is started again when it has gone: until then it holds its place and nothing replaces it. */
      returns: boolean
    }
  /** It exited and waits for its back-off. */
  | { state: 'crashed'; since: number; restartAt: number; exit: Exit }
