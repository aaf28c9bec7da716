import type { Action, Instance, ServiceState } from '../model/index.js'
import { drainInstance, isRemovable, oldDrainReason, startInstances } from './actions.js'
import { isHeldByDraining } from './deadline.js'
import { limitsOf } from './fenceposts.js'
import type { Sets } from './instances.js'
import { countAvailable, isAvailable, isCondemned, setsOf, targetSpec } from './instances.js'
import { drainSurplus } from './scaling.js'
import { newSetSize, oldSetScaleDown } from './sets.js'
import { condemnedReason } from './memory.js'
import type { Step } from './step.js'

/**
 * New instances as far as the surge allows, then old ones away as far as enough stay available. It keeps the
 * number of replicas outside of rollouts too: then there is nothing old, unless an instance is being replaced.
 */
export const rollingUpdate: Step = (state, now) => {
  const spec = targetSpec(state)
  if (!spec || isHeldByDraining(state)) return []
  const limits = limitsOf(spec, state.replicas)
  const sets = setsOf(state)
  const scaled = scaleTarget(state, sets, limits.maxTotal, now)
  return scaled.length > 0 ? scaled : scaleOldDown(state, sets, limits.minAvailable, now)
}

/** Every old instance is gone before the first new one starts: two versions never run at the same time. */
export const recreate: Step = (state, now) => {
  const others = state.instances.filter(({ revision }) => revision !== state.target)
  if (isHeldByDraining(state)) return []
  if (others.length > 0)
    return others.filter(isRemovable).map((old) => drainInstance(state, old, oldDrainReason(state)))
  return scaleTarget(state, setsOf(state), state.replicas, now)
}

function scaleTarget(state: ServiceState, { target, old }: Sets, maxTotal: number, now: number): Action[] {
  const { replicas } = state
  const size = target.length
  const wanted = newSetSize({ replicas, maxTotal, total: size + old.length, size })
  return wanted >= size
    ? startInstances(state, state.target, wanted - size, restartsOf(state, old))
    : drainSurplus(state, target, size - wanted, 'scale', now)
}

/** Restarts so far of what is started now: one more than its predecessor's, if that failed while it lived; else 0. */
function restartsOf(state: ServiceState, old: Instance[]): number {
  if (state.rollout !== null) return 0
  const condemned = old.filter(isCondemned)
  const going = state.instances.filter(isReplaced)
  const replaced = condemned.length > 0 ? condemned : going
  return replaced.length === 0 ? 0 : Math.max(...replaced.map(({ crashes }) => crashes)) + 1
}

const isReplaced = (instance: Instance): boolean =>
  instance.state === 'draining' &&
  !instance.returns &&
  (instance.reason === 'liveness' || instance.reason === 'memory')

/** Oldest first, which is the order in the state. */
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
  const going = [
    ...removable.filter((instance) => !isHealthy(instance)).slice(0, count.unhealthy),
    ...removable.filter(isHealthy).slice(0, count.available),
  ]
  return going.map((instance) =>
    drainInstance(
      state,
      instance,
      isCondemned(instance) && state.rollout === null ? condemnedReason(instance) : oldDrainReason(state),
    ),
  )
}
