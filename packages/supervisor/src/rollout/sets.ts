import type { Instance } from '../model/index.js'

/**
 * How many instances the new revision should have now (Kubernetes: NewRSNewReplicas and reconcileNewReplicaSet).
 * Example: 10 replicas, maxSurge 2, 5 old instances left: 12 - 5 = 7.
 */
export function newSetSize(figures: {
  replicas: number
  maxTotal: number
  /** Living instances of every revision. */
  total: number
  /** Living instances of the new revision. */
  size: number
}): number {
  const { replicas, maxTotal, total, size } = figures
  if (size >= replicas) return replicas
  if (total >= maxTotal) return size
  return size + Math.min(maxTotal - total, replicas - size)
}

/**
 * How many old instances can be drained now (Kubernetes: reconcileOldReplicaSets).
 *
 * Unhealthy ones are drained first, which costs no availability. Each unavailable new instance keeps one old
 * instance, so a new revision that never becomes available cannot displace the old one. Example: 10 replicas,
 * maxUnavailable 2, 8 old available, 2 new unavailable: 10 - 8 - 2 = 0 can be drained. Then available ones are
 * drained, as long as `minAvailable` remain.
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
  const maxDrained = newSize + oldSize - minAvailable - newUnavailable
  if (maxDrained <= 0) return { unhealthy: 0, available: 0 }
  const unhealthy = cleanupUnhealthy(oldSize, oldAvailable, maxDrained)
  return { unhealthy, available: scaleDownAvailable(newAvailable + oldAvailable, minAvailable, oldAvailable) }
}

/** Kubernetes: cleanupUnhealthyReplicas. */
export const cleanupUnhealthy = (oldSize: number, oldAvailable: number, maxDrained: number): number =>
  Math.max(0, Math.min(oldSize - oldAvailable, maxDrained))

/** Kubernetes: scaleDownOldReplicaSetsForRollingUpdate. */
export const scaleDownAvailable = (available: number, minAvailable: number, oldSize: number): number =>
  Math.max(0, Math.min(available - minAvailable, oldSize))

/**
 * The order in which scaling down drains instances of a revision: crashed ones first, then those that are not ready,
 * not available, available; the youngest first among equals, as a ReplicaSet does.
 */
export function surplusFirst(
  instances: Instance[],
  isAvailable: (instance: Instance) => boolean,
): Instance[] {
  const rank = (instance: Instance) => {
    if (instance.state === 'crashed') return 0
    if (instance.state === 'ready') return isAvailable(instance) ? 3 : 2
    return 1
  }
  // toReversed: youngest first; the sort is stable.
  return instances.toReversed().sort((a, b) => rank(a) - rank(b))
}
