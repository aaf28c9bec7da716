import type { Deployment, ReplicaSet } from './objects.js'
import { annotations } from './objects.js'
import type { Watched } from './watched.js'
import { newReplicaSet, replicaSetsOf, revisionNumber } from './watched.js'

export interface RevisionRecord {
  revision: number
  replicaSet: string
  images: string[]
  /** Null if none was set. */
  cause: string | null
  createdAt: string | null
  /** Number of its pods. */
  pods: number
  /** Number of its pods that are available. */
  available: number
  current: boolean
  /** Its rollout failed and was undone. */
  failed: boolean
}

/** The revisions that are kept (revisionHistoryLimit), newest last, as in `kubectl rollout history`. */
export const historyOf = (watched: Watched): RevisionRecord[] => {
  const current = newReplicaSet(watched)
  const failed = failedRevisions(watched.deployment)
  return replicaSetsOf(watched).map((set) => ({
    revision: revisionNumber(set),
    replicaSet: set.metadata.name,
    images: set.spec.template.spec.containers.map(({ image = '' }) => image),
    cause: causeOf(set),
    createdAt: set.metadata.creationTimestamp ?? null,
    pods: set.status?.replicas ?? 0,
    available: set.status?.availableReplicas ?? 0,
    current: set === current,
    failed: failed.includes(revisionNumber(set)),
  }))
}

/** Numbers of revisions that failed. One that is rolled out again gets a new number. */
export const failedRevisions = (deployment: Deployment | null): number[] =>
  (deployment?.metadata.annotations?.[annotations.failedRevisions] ?? '')
    .split(',')
    .map(Number)
    .filter((revision) => revision > 0)

export const causeOf = ({ metadata }: ReplicaSet): string | null =>
  metadata.annotations?.[annotations.changeCause] ?? null
