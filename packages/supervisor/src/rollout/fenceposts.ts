import type { IntOrPercent, ServiceSpec } from '../model/index.js'

/** The bounds of a rolling update, in instances. */
export interface Limits {
  /** replicas + maxSurge. Draining instances do not count. */
  maxTotal: number
  /** replicas - maxUnavailable. Crashes can still push the number of available instances below it. */
  minAvailable: number
}

/** The bounds that the strategy of the service sets for this number of replicas. */
export function limitsOf(spec: ServiceSpec, replicas: number): Limits {
  if (spec.strategy.type === 'Recreate') return { maxTotal: replicas, minAvailable: 0 }
  // Replacing in place needs no surge. These values are for instances that cannot do it.
  const { maxSurge, maxUnavailable } =
    spec.strategy.type === 'InPlace' ? { maxSurge: 1, maxUnavailable: 0 } : spec.strategy.rollingUpdate
  const posts = resolveFenceposts(maxSurge, maxUnavailable, replicas)
  return {
    // No surge for 0 replicas: scaling to 0 must not leave a surplus (Kubernetes: allowedSize is 0).
    maxTotal: replicas === 0 ? 0 : replicas + posts.maxSurge,
    minAvailable: Math.max(0, replicas - posts.maxUnavailable),
  }
}

/**
 * Converts percentages to numbers as Kubernetes does (ResolveFenceposts): maxSurge is rounded up, maxUnavailable
 * down. 25 % and 25 % of 3 replicas are 1 and 0. If both are 0, no rollout could ever proceed: then maxUnavailable
 * is 1.
 */
export function resolveFenceposts(
  maxSurge: IntOrPercent,
  maxUnavailable: IntOrPercent,
  replicas: number,
): { maxSurge: number; maxUnavailable: number } {
  const surge = scaled(maxSurge, replicas, Math.ceil)
  const unavailable = scaled(maxUnavailable, replicas, Math.floor)
  if (surge === 0 && unavailable === 0) return { maxSurge: 0, maxUnavailable: 1 }
  return { maxSurge: surge, maxUnavailable: unavailable }
}

function scaled(value: IntOrPercent, replicas: number, round: (exact: number) => number): number {
  if (typeof value === 'number') return value
  // Multiply first: 0.29 * 100 is 28.999999999999996, but 29 * 100 / 100 is 29.
  return round((Number.parseFloat(value) * replicas) / 100)
}
