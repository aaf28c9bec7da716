import type { Instance } from '../model/index.js'

/**
 * How many instances of the new revision there should be now (Kubernetes: NewRSNewReplicas and
 * reconcileNewReplicaSet). With 10 replicas, a surge of 2 and 5 old instances left: 12 - 5 = 7 at once.
 */
export function newSetSize(figures: {
  replicas: number
  maxTotal: number
  /** Living instances of every revision. */
  total: number
  /** Of these: of the new one. */
  size: number
}): number {
  const { replicas, maxTotal, total, size } = figures
  if (size >= replicas) return replicas
  if (total >= maxTotal) return size
  return size + Math.min(maxTotal - total, replicas - size)
}

/**
 * How many old instances may go now (Kubernetes: reconcileOldReplicaSets).
 *
 * First the unhealthy ones, which costs no availability; but every unavailable new instance is kept in mind,
 * so that a new revision that never becomes available cannot eat up the old one. Worked: 10 replicas, 2 may be
 * unavailable, 8 old available, 2 new not yet: 10 - 8 - 2 = 0 may go. Then available ones, as long as
 * `minAvailable` are left.
 */
export function oldSetScaleDown(figures: {
  minAvailable: number
  newSize: number
  newAvailable: number
  oldSize: number
  oldAvailable: number
}): { unhealthy: number; available: number } {
  const { minAvailable, newSize, newAvailable, oldSize, oldAvailable } = figures
  const newUnavailable = newSize - newAvailable
  const mayGo = newSize + oldSize - minAvailable - newUnavailable
  if (mayGo <= 0) return { unhealthy: 0, available: 0 }
  const unhealthy = cleanupUnhealthy(oldSize, oldAvailable, mayGo)
  return { unhealthy, available: scaleDownAvailable(newAvailable + oldAvailable, minAvailable, oldAvailable) }
}

/** Kubernetes: cleanupUnhealthyReplicas. */
export const cleanupUnhealthy = (oldSize: number, oldAvailable: number, mayGo: number): number =>
  Math.max(0, Math.min(oldSize - oldAvailable, mayGo))

/** Kubernetes: scaleDownOldReplicaSetsForRollingUpdate. */
export const scaleDownAvailable = (available: number, minAvailable: number, oldSize: number): number =>
  Math.max(0, Math.min(available - minAvailable, oldSize))

/**
 * Which of a revision's instances a scaling down takes first: those that serve least, and among equals the
 * youngest, as a ReplicaSet does.
 */
export function surplusFirst(
  instances: Instance[],
  isAvailable: (instance: Instance) => boolean,
): Instance[] {
  const worth = (instance: Instance) => {
    if (instance.state === 'crashed') return 0
    if (instance.state === 'ready') return isAvailable(instance) ? 3 : 2
    return 1
  }
  // toReversed: youngest first; the sort is stable.
  return instances.toReversed().sort((a, b) => worth(a) - worth(b))
}
