import type { Failure } from './failure.js'
import type { ServiceSpec } from './spec.js'

/** A revision: number + spec + release. History is a list of them. */
export interface Revision {
  number: number
  spec: ServiceSpec
  /** The working directory with every symbolic link resolved when the revision was made: the release. */
  release: string
  createdAt: number
  /** Why it exists: `start`, `upgrade`, `undo to revision 3`, `restart`, `config`. */
  cause: string
  /** Why its rollout failed; absent unless it did. */
  failure?: Failure
}

/**
 *     progressing ──► (complete: the record is cleared, `stable` moves)
 *          │
 *          ▼
 *     rollingBack ──► (rolled back: the record is cleared, `stable` stays)
 *
 * A rollout without a revision to go back to that fails is `failed`: its instances go on being restarted
 * with back-off, and the next upgrade replaces it.
 */
export interface Rollout {
  number: number
  phase: 'progressing' | 'rollingBack' | 'failed'
  from: number | null
  to: number
  cause: string
  startedAt: number
  /** When something last became better: an instance ready or available, an old one gone. Feeds progressDeadlineSeconds. */
  progressAt: number
  failure: Failure | null
  /** An instance could not replace its program; judged next. */
  execFailure?: Failure
  /** `replicas` before the rollout, restored by a rollback; a scaling in the middle overrides it. */
  replicasBefore: number
  /** Sizes that a scaling in the middle gave to each revision; null once they are reached. */
  scaling: { revision: number; size: number }[] | null
}
