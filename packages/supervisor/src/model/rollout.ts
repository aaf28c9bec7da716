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
