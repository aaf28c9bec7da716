import type { ServiceState } from '../model/index.js'
import { isTargetAvailable, targetSpec } from './instances.js'

/**
 * When the rollout fails for lack of progress, in milliseconds since the epoch: progressDeadlineSeconds after the
 * last progress. Null while the deadline does not run: the rollout is paused, or waits only for draining instances,
 * which have deadlines of their own.
 */
export function progressDeadline(state: ServiceState, now: number): number | null {
  const spec = targetSpec(state)
  if (!spec || state.rollout?.phase !== 'progressing' || state.paused) return null
  if (isBlockedByDraining(state) || isBlockedByRecreate(state) || isTargetAvailable(state, now)) return null
  return state.rollout.progressAt + spec.progressDeadlineSeconds * 1000
}

/**
 * Whether the rollout must not start instances yet because more than maxDraining from earlier rollouts still drain.
 * This keeps back-to-back upgrades from piling up processes. A rollout that has instances is never blocked.
 */
export function isBlockedByDraining(state: ServiceState): boolean {
  const spec = targetSpec(state)
  if (!spec || state.rollout?.phase !== 'progressing') return false
  if (state.instances.some(({ revision }) => revision === state.target)) return false
  return drainingFromBefore(state).length > spec.maxDraining
}

export const drainingFromBefore = (state: ServiceState) =>
  state.instances.filter(
    (instance) => instance.state === 'draining' && instance.since < (state.rollout?.startedAt ?? 0),
  )

/** Strategy Recreate: the target starts only when all instances of other revisions have ended. */
export const isBlockedByRecreate = (state: ServiceState): boolean =>
  targetSpec(state)?.strategy.type === 'Recreate' &&
  state.instances.some(({ revision }) => revision !== state.target)

/** Whether a rollback made no progress for progressDeadlineSeconds. It continues, but an upgrade may replace it. */
export function isRollbackStuck(state: ServiceState, now: number): boolean {
  const spec = targetSpec(state)
  if (!spec || state.rollout?.phase !== 'rollingBack') return false
  return now >= state.rollout.progressAt + spec.progressDeadlineSeconds * 1000
}
