import type { Action, Instance, ServiceState } from '../model/index.js'
import { drainInstance, isRemovable, oldDrainReason, startInstances } from './actions.js'
import { isBlockedByDraining } from './deadline.js'
import { limitsOf } from './fenceposts.js'
import type { Sets } from './instances.js'
import { bootsAlone, countAvailable, isAvailable, needsReplacement, setsOf, targetSpec } from './instances.js'
import { drainSurplus } from './scaling.js'
import { newSetSize, oldSetScaleDown } from './sets.js'
import { replacementReason } from './memory.js'
import type { Step } from './step.js'

/**
 * Starts new instances as far as maxSurge allows, then drains old ones as far as maxUnavailable allows. Outside of a
 * rollout it keeps the number of replicas; then the only old instances are those that need to be replaced.
 */
export const rollingUpdate: Step = (state, now) => {
  const spec = targetSpec(state)
  if (!spec || isBlockedByDraining(state)) return []
  const limits = limitsOf(spec, state.replicas)
  const sets = setsOf(state)
  const scaled = scaleTarget(state, sets, limits.maxTotal, now)
  return scaled.length > 0 ? scaled : scaleOldDown(state, sets, limits.minAvailable, now)
}

/** Starts new instances only when all old ones have ended: two versions never run at the same time. */
export const recreate: Step = (state, now) => {
  const others = state.instances.filter(({ revision }) => revision !== state.target)
  if (isBlockedByDraining(state)) return []
  if (others.length > 0)
    return others.filter(isRemovable).map((old) => drainInstance(state, old, oldDrainReason(state)))
  return scaleTarget(state, setsOf(state), state.replicas, now)
}

function scaleTarget(state: ServiceState, { target, old }: Sets, maxTotal: number, now: number): Action[] {
  const { replicas } = state
  const size = target.length
  const full = newSetSize({ replicas, maxTotal, total: size + old.length, size })
  const wanted = bootsAlone(state) ? Math.min(full, 1) : full
  return wanted >= size
    ? startInstances(state, state.target, wanted - size, restartsOf(state, old))
    : drainSurplus(state, target, size - wanted, 'scale', now)
}

/** The restart count of new instances: one more than that of the instance they replace, or 0 if they replace none. */
function restartsOf(state: ServiceState, old: Instance[]): number {
  if (state.rollout !== null) return 0
  const stillServing = old.filter(needsReplacement)
  const replaced = stillServing.length > 0 ? stillServing : state.instances.filter(isReplaced)
  return replaced.length === 0 ? 0 : Math.max(...replaced.map(({ crashes }) => crashes)) + 1
}

const isReplaced = (instance: Instance): boolean =>
  instance.state === 'draining' &&
  !instance.returns &&
  (instance.reason === 'liveness' || instance.reason === 'memory')

/** Drains the oldest first, which is the order in the state. */
function scaleOldDown(
  state: ServiceState,
  { target, old }: Sets,
  minAvailable: number,
  now: number,
): Action[] {
  const removable = old.filter(isRemovable)
  const isHealthy = (instance: Instance) => isAvailable(state, instance, now)
  const count = oldSetScaleDown({
    minAvailable,
    newSize: target.length,
    newAvailable: countAvailable(state, target, now),
    oldSize: old.length,
    oldAvailable: countAvailable(state, old, now),
  })
  const drained = [
    ...removable.filter((instance) => !isHealthy(instance)).slice(0, count.unhealthy),
    ...removable.filter(isHealthy).slice(0, count.available),
  ]
  return drained.map((instance) => {
    const isReplacement = needsReplacement(instance) && state.rollout === null
    return drainInstance(state, instance, isReplacement ? replacementReason(instance) : oldDrainReason(state))
  })
}
