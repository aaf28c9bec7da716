import type { Instance, ListenerSpec, ServiceState } from '../model/index.js'
import { startInstances } from './actions.js'
import { isBlockedByDraining } from './deadline.js'
import { countAvailable, isAvailable, needsReplacement, revisionOf, setsOf } from './instances.js'
import type { Step } from './step.js'
import { rollingUpdate } from './strategies.js'

/**
 * Old instances replace their own programs, oldest first, one at a time, and only while all others are available.
 * The number of processes does not grow. Instances that cannot do so are replaced last, by a rolling update.
 */
export const inPlace: Step = (state, now) => {
  if (isBlockedByDraining(state)) return []
  const { old, target } = setsOf(state)
  if (target.some((instance) => isPending(state, instance, now))) return []
  const next = target.length < state.replicas ? old.find((instance) => canExec(state, instance)) : undefined
  if (next === undefined) return rollingUpdate(state, now)
  if (countAvailable(state, [...old, ...target], now) >= state.replicas)
    return [{ type: 'ExecInstance', instance: next.id, revision: state.target }]
  const missing = state.replicas - old.length - target.length
  return missing > 0 ? startInstances(state, state.target, missing) : rollingUpdate(state, now)
}

/** Whether the instance is not available yet but can become so. */
const isPending = (state: ServiceState, instance: Instance, now: number): boolean =>
  instance.state === 'starting' || (instance.state === 'ready' && !isAvailable(state, instance, now))

/** A process cannot change its user or its listeners, so both revisions must have the same. */
function canExec(state: ServiceState, instance: Instance): boolean {
  if (instance.state !== 'ready' || instance.cannotExec || needsReplacement(instance)) return false
  const from = revisionOf(state, instance.revision)?.spec
  const to = revisionOf(state, state.target)?.spec
  if (instance.revision === state.target || !from || !to) return false
  return sameListeners(from.listen, to.listen) && from.user === to.user && from.group === to.group
}

const sameListeners = (a: Record<string, ListenerSpec>, b: Record<string, ListenerSpec>): boolean =>
  JSON.stringify(a) === JSON.stringify(b)
