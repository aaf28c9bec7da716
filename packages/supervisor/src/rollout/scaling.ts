import type { Action, DrainReason, Instance, ServiceState } from '../model/index.js'
import { drainInstance, isRemovable, startInstances } from './actions.js'
import { bootsAlone, isAvailable, isLiving } from './instances.js'
import { surplusFirst } from './sets.js'
import type { Step } from './step.js'

/** Brings every revision to the size that scaling during the rollout assigned to it. */
export const scaleProportionally: Step = (state, now) => {
  // One revision at a time: the ids of new instances depend on the state.
  for (const { revision, size } of state.rollout?.scaling ?? []) {
    const actions = resize(state, revision, size, now)
    if (actions.length > 0) return actions
  }
  return []
}

/**
 * While a rollout is paused, no instance is replaced. If only one revision has instances, it still follows `replicas`
 * (Kubernetes: scale of the only active ReplicaSet).
 */
export const keepSize: Step = (state, now) => {
  const revisions = new Set(state.instances.filter(isLiving).map(({ revision }) => revision))
  const [only] = revisions
  return only === undefined || revisions.size > 1 || bootsAlone(state)
    ? []
    : resize(state, only, state.replicas, now)
}

function resize(state: ServiceState, revision: number, size: number, now: number): Action[] {
  const living = state.instances.filter((instance) => instance.revision === revision && isLiving(instance))
  return living.length < size
    ? startInstances(state, revision, size - living.length)
    : drainSurplus(state, living, living.length - size, 'scale', now)
}

/** Drains `count` of these instances, in the order of `surplusFirst`. */
export const drainSurplus = (
  state: ServiceState,
  living: Instance[],
  count: number,
  reason: DrainReason,
  now: number,
): Action[] =>
  surplusFirst(living.filter(isRemovable), (instance) => isAvailable(state, instance, now))
    .slice(0, Math.max(0, count))
    .map((instance) => drainInstance(state, instance, reason))
