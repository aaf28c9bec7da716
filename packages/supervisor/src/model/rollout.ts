import type { Failure } from './failure.js'
import type { ServiceSpec } from './spec.js'

/** One version of a service: a number, a spec and a release. The history of a service is a list of them. */
export interface Revision {
  number: number
  spec: ServiceSpec
  /** The release: the working directory, its symbolic links resolved when the revision was created. */
  release: string
  createdAt: number
  /** Why it exists: `start`, `upgrade`, `undo to revision 3`, `restart`, `config`. */
  cause: string
  /** Why its rollout failed. Absent if it did not. */
  failure?: Failure
}

/**
 *     progressing ──► (complete: the record is cleared, `stable` becomes the new revision)
 *          │
 *          ├──► rollingBack ──► (rolled back: the record is cleared, `stable` does not change)
 *          ▼
 *       failed         (if there is no revision to go back to)
 *
 * In phase `failed` the instances are still restarted with back-off. The rollout completes if they become
 * available after all; the next upgrade replaces it.
 */
export interface Rollout {
  number: number
  phase: 'progressing' | 'rollingBack' | 'failed'
  from: number | null
  to: number
  cause: string
  startedAt: number
  /** When the rollout last made progress (see `noteProgress`). progressDeadlineSeconds counts from here. */
  progressAt: number
  failure: Failure | null
  /** An instance could not replace its program in place. The next plan fails the rollout for it. */
  execFailure?: Failure
  /** `replicas` before the rollout, which a rollback restores. Scaling during the rollout overrides it. */
  replicasBefore: number
  /** The sizes that scaling during the rollout assigned to each revision. Null once they are reached. */
  scaling: { revision: number; size: number }[] | null
}

/** The figures of a service's revisions. */
export interface RolloutProgress {
  replicas: number
  /** The target and every other revision with instances, newest first. */
  revisions: RevisionProgress[]
  /** All figures in one line: `revision 2: 1 of 2 available, 1 starting; revision 1: 1 available`. */
  line: string
}

export interface RevisionProgress {
  revision: number
  /** How many instances it should have when the rollout is complete: `replicas` for the target, 0 for others. */
  wanted: number
  starting: number
  /** Ready now, including the available ones. */
  ready: number
  /** Ready for at least minReadySeconds. */
  available: number
  /** Exited and waiting for the back-off, or running with a failing readiness probe. */
  unhealthy: number
  draining: number
}
