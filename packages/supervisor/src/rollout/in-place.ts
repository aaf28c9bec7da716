import type { Instance, ListenerSpec, ServiceState } from '../model/index.js'
import { startInstances } from './actions.js'
import { isHeldByDraining } from './deadline.js'
import { countAvailable, isAvailable, isCondemned, revisionOf, setsOf } from './instances.js'
import type { Step } from './step.js'
import { rollingUpdate } from './strategies.js'

/**
 * Each old instance replaces its own program, oldest first, one at a time, and only while all the others serve:
 * never more processes than before. What cannot do so is replaced by a rolling update, when all others are done.
 */
export const inPlace: Step = (state, now) => {
  if (isHeldByDraining(state)) return []
  const { old, target } = setsOf(state)
  if (target.some((instance) => isComing(state, instance, now))) return []
  const next = target.length < state.replicas ? old.find((instance) => canExec(state, instance)) : undefined
  if (next === undefined) return rollingUpdate(state, now)
  if (countAvailable(state, [...old, ...target], now) >= state.replicas)
    return [{ type: 'ExecInstance', instance: next.id, revision: state.target }]
  const missing = state.replicas - old.length - target.length
  return missing > 0 ? startInstances(state, state.target, missing) : rollingUpdate(state, now)
}

/** It will serve, if all goes well: worth waiting for. */
const isComing = (state: ServiceState, instance: Instance, now: number): boolean =>
  instance.state === 'starting' || (instance.state === 'ready' && !isAvailable(state, instance, now))

/** A process keeps its user for good, and its listeners: it cannot be given another one while it lives. */
function canExec(state: ServiceState, instance: Instance): boolean {
  if (instance.state !== 'ready' || instance.cannotExec || isCondemned(instance)) return false
  const from = revisionOf(state, instance.revision)?.spec
  const to = revisionOf(state, state.target)?.spec
  if (instance.revision === state.target || !from || !to) return false
  return sameListeners(from.listen, to.listen) && from.user === to.user && from.group === to.group
}

const sameListeners = (a: Record<string, ListenerSpec>, b: Record<string, ListenerSpec>): boolean =>
  JSON.stringify(a) === JSON.stringify(b)
