import type { ConnectionAccount } from '@handover/process/protocol'
import type { Failure } from './failure.js'

/** How a process ended. Both are null if an earlier supervisor has started it: only a parent learns the code. */
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
 *     crashed      gone                (from draining with `returns`: crashed, not gone)
 *        │
 *        └──► starting                  (same id, restarts + 1, after the back-off)
 *
 *     ready ──► starting, `replacing`   (executes another revision's program; ready again if that fails)
 */
export type Instance = InstanceCommon & InstanceState

export interface InstanceCommon {
  /** For example `web-3`. An id is never reused. */
  id: string
  revision: number
  /** When it was first started, in milliseconds since the epoch. */
  createdAt: number
  /** When its current or last process was started, in milliseconds since the epoch. */
  startedAt: number
  /** Null until the process has been started. */
  pid: number | null
  /** Start time of the process in clock ticks since boot (proc(5), field 22). Pid and start time identify a process. */
  startTime: string | null
  /** How often this instance was restarted after a crash. */
  restarts: number
  /** Consecutive crashes, failed probes and exceeded memory limits. Sets the back-off; reset after ten minutes of running. */
  crashes: number
  /** Why its current process has to be replaced (a failed startup or liveness probe, too much memory), or how its last process ended. */
  failure: Failure | null
  account: ConnectionAccount | null
  /** Set for an instance without the library: listeners whose socket it shares with others. See `SharedListener`. */
  shares?: SharedListener[]
  /** Set if it has its own socket of each of its TCP listeners: new connections are kept away from it while it is unready. */
  steered?: true
  /** Set while it replaces its program (`ExecInstance`): the revision and readiness to restore if that fails. */
  replacing?: { revision: number; readySince: number }
  /** Set if it has reported that it cannot replace its program in place. */
  cannotExec?: true
}

/** A listener of which no instance can have a socket of its own, so instances without the library are stopped at once. */
export interface SharedListener {
  listener: string
  /** A clause, for example `steer is false`. */
  reason: string
}

export type InstanceState =
  /** The start is journaled. The process exists from `InstanceStarted` on. `progress`: absent until something is known. */
  | { state: 'starting'; since: number; progress?: StartProgress }
  | { state: 'ready'; since: number }
  /**
   * It was ready, but its readiness probe now fails. `accepting`: whether it accepts new connections, as it has said
   * itself. Absent if it has not: it was not told anything yet, or the library is not in it.
   */
  | { state: 'unready'; since: number; reason: string; accepting?: boolean }
  | {
      state: 'draining'
      since: number
      /** When SIGKILL is due, in milliseconds since the epoch. */
      deadline: number
      reason: DrainReason
      /** Whether it may still accept new connections. */
      accepting: boolean
      killed: boolean
      /** It is restarted after it exits. Until then it counts as a replica and is not replaced by another instance. */
      returns: boolean
    }
  /** It exited and waits for its back-off to end. */
  | { state: 'crashed'; since: number; restartAt: number; exit: Exit }

/** What is known of an instance that is not ready yet. */
export interface StartProgress {
  /** What its servers listen on: `[::]:3000 ("http")`. Null if it has not said it: the library may not be in it. */
  listening: string[] | null
  /** The listeners of the service that none of its servers has asked for: `"admin" ([::]:3001)`. */
  unasked: string[]
  /** What it waits for, as clauses. */
  waitsFor: string[]
  /** Its own word is there, and only probes are waited for. */
  reported: boolean
}
