import type { IntOrPercent, ServiceSpec } from '../model/index.js'

/** The bounds within which a rolling update moves: both are numbers of instances. */
export interface Limits {
  /** Never more living instances than this: replicas + maxSurge. Draining ones do not count. */
  maxTotal: number
  /** Never fewer available ones than this by our own doing: replicas - maxUnavailable. */
  minAvailable: number
}

/** What a service's strategy allows for that many replicas. */
export function limitsOf(spec: ServiceSpec, replicas: number): Limits {
  if (spec.strategy.type === 'Recreate') return { maxTotal: replicas, minAvailable: 0 }
  // In place nothing surges; this is for instances that cannot, and must be replaced after all.
  const { maxSurge, maxUnavailable } =
    spec.strategy.type === 'InPlace' ? { maxSurge: 1, maxUnavailable: 0 } : spec.strategy.rollingUpdate
  const posts = resolveFenceposts(maxSurge, maxUnavailable, replicas)
  return {
    // Of no replicas none surge: scaling to 0 must not leave a surplus (Kubernetes: allowedSize is 0).
    maxTotal: replicas === 0 ? 0 : replicas + posts.maxSurge,
    minAvailable: Math.max(0, replicas - posts.maxUnavailable),
  }
}

/**
 * Percentages become numbers, as in Kubernetes (ResolveFenceposts): the surge is rounded up, the unavailable
 * down, so that 25 % and 25 % of 3 replicas are 1 and 0. If both came out as 0 nothing could ever move: then
 * one may be unavailable.
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
  // First the product, then the division: 0.29 * 100 is 28.999999999999996, 29 * 100 / 100 is 29.
  return round((Number.parseFloat(value) * replicas) / 100)
}
