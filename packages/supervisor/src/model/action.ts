import type { Failure } from './failure.js'
import type { DrainReason } from './instance.js'
import type { ServiceSpec } from './spec.js'

/**
 * What should be done next. Imperative, plain data. For each action the loop first journals the event that
 * states the intent (see rollout/intent.ts), then reduces it, then carries it out: so a restart never starts
 * an instance twice and never forgets one.
 */
export type Action =
  /** A new name, or a crashed instance that is started again. */
  | { type: 'StartInstance'; instance: string; revision: number; restarts: number }
  /** SIGTERM. A crashed instance has no process: draining it only forgets it. */
  | { type: 'DrainInstance'; instance: string; reason: DrainReason; graceSeconds: number }
  | { type: 'KillInstance'; instance: string }
  /** To replace its own program by that revision's, in the same process. */
  | { type: 'ExecInstance'; instance: string; revision: number }
  | { type: 'CompleteRollout'; rollout: number }
  | { type: 'FailRollout'; rollout: number; failure: Failure; rollBack: boolean }
  | { type: 'FinishRollback'; rollout: number }
  | { type: 'FinishStop' }

export interface Plan {
  actions: Action[]
  /** Milliseconds since the epoch at which to plan again though nothing happened; null: only after an event. */
  wakeAt: number | null
  /** Why nothing more is done right now, for `explain` and the live picture; empty when nothing is waited for. */
  waiting: string[]
}

/** What a user may ask of a running service. */
export type Command =
  | { type: 'Upgrade'; revision: { spec: ServiceSpec; release: string }; cause: string }
  | { type: 'Undo'; toRevision: number | null }
  | { type: 'Restart' }
  | { type: 'Pause' }
  | { type: 'Resume' }
  | { type: 'Scale'; replicas: number }
  | { type: 'Stop' }
