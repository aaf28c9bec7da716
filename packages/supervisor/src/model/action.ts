import type { Failure } from './failure.js'
import type { DrainReason } from './instance.js'
import type { ServiceSpec } from './spec.js'

/**
 * What to do next, as plain data. For each action the loop journals the event that states the intent
 * (rollout/intent.ts), reduces it, and only then carries it out. So a supervisor that restarts never starts an
 * instance twice and never forgets one.
 */
export type Action =
  /** Starts a new instance, or a crashed one again. */
  | { type: 'StartInstance'; instance: string; revision: number; restarts: number }
  /** Sends SIGTERM. A crashed instance has no process: draining it only removes it from the state. */
  | { type: 'DrainInstance'; instance: string; reason: DrainReason; graceSeconds: number }
  | { type: 'KillInstance'; instance: string }
  /** Makes the instance replace its own program with that of the revision, in the same process. */
  | { type: 'ExecInstance'; instance: string; revision: number }
  | { type: 'CompleteRollout'; rollout: number }
  | { type: 'FailRollout'; rollout: number; failure: Failure; rollBack: boolean }
  | { type: 'FinishRollback'; rollout: number }
  | { type: 'FinishStop' }

export interface Plan {
  actions: Action[]
  /** When to plan again even if no event arrives, in milliseconds since the epoch. Null: only after an event. */
  wakeAt: number | null
  /** Why nothing more can be done right now, for `explain` and the live picture. Empty if nothing is pending. */
  waiting: string[]
}

/** What a user can request of a running service. */
export type Command =
  | { type: 'Upgrade'; revision: { spec: ServiceSpec; release: string }; cause: string }
  | { type: 'Undo'; toRevision: number | null }
  | { type: 'Restart' }
  | { type: 'Pause' }
  | { type: 'Resume' }
  | { type: 'Scale'; replicas: number }
  | { type: 'Stop' }
