import type { ServiceState } from '../model/index.js'
import { isTargetAvailable, targetSpec } from './instances.js'

/**
 * When a rollout without progress fails: progressDeadlineSeconds after something last became better. Null
 * while it does not run: the rollout is paused, or held by draining instances of earlier revisions, which
 * have a deadline of their own, or has nothing left to wait for but those.
 */
export function progressDeadline(state: ServiceState, now: number): number | null {
  const spec = targetSpec(state)
  if (!spec || state.rollout?.phase !== 'progressing' || state.paused) return null
  if (isHeldByDraining(state) || isHeldByRecreate(state) || isTargetAvailable(state, now)) return null
  return state.rollout.progressAt + spec.progressDeadlineSeconds * 1000
}

/**
 * Whether a rollout may not begin yet because too many instances still drain from before it. It keeps
 * back-to-back upgrades from piling up processes; a rollout that has begun is never held.
 */
export function isHeldByDraining(state: ServiceState): boolean {
  const spec = targetSpec(state)
  if (!spec || state.rollout?.phase !== 'progressing') return false
  if (state.instances.some(({ revision }) => revision === state.target)) return false
  return drainingFromBefore(state).length > spec.maxDraining
}

export const drainingFromBefore = (state: ServiceState) =>
  state.instances.filter(
    (instance) => instance.state === 'draining' && instance.since < (state.rollout?.startedAt ?? 0),
  )

/** Recreate: nothing of the target starts before everything of other revisions is gone. */
export const isHeldByRecreate = (state: ServiceState): boolean =>
  targetSpec(state)?.strategy.type === 'Recreate' &&
  state.instances.some(({ revision }) => revision !== state.target)

/** A rollback that made no progress for progressDeadlineSeconds. It goes on, but may be replaced by an upgrade. */
export function isRollbackStuck(state: ServiceState, now: number): boolean {
  const spec = targetSpec(state)
  if (!spec || state.rollout?.phase !== 'rollingBack') return false
  return now >= state.rollout.progressAt + spec.progressDeadlineSeconds * 1000
}
