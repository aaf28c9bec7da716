import type { Instance, ServiceState } from '../model/index.js'
import { drainInstance } from './actions.js'
import { needsReplacement } from './instances.js'
import { isOverMemory, replacementReason } from './memory.js'
import type { Step } from './step.js'

/**
 * Drains instances that failed a startup or liveness probe or exceeded their memory limit.
 *
 * - Not ready: it does not serve, so it is drained at once.
 * - Ready, and failed its liveness probe: it may still serve. Outside of a rollout its replacement starts first, as
 *   far as the surge allows (`setsOf` counts it as old). During a rollout, or if it failed before, it is drained at
 *   once and returns after its back-off.
 * - Ready, and exceeded its memory limit: it still serves. Outside of a rollout its replacement always starts
 *   first. The rollout takes care of an instance whose revision it replaces.
 */
export const drainFailed: Step = (state) =>
  state.instances
    .filter(needsReplacement)
    .filter((instance) => instance.state !== 'ready' || !mayKeepServing(state, instance))
    .map((instance) => drainInstance(state, instance, replacementReason(instance)))

function mayKeepServing({ rollout, target }: ServiceState, instance: Instance): boolean {
  if (!isOverMemory(instance)) return rollout === null && instance.crashes === 0
  return rollout === null || rollout.phase === 'rollingBack' || instance.revision !== target
}

/**
 * Restarts crashed instances under the same id once their back-off is over. This includes old instances during a
 * rollout: until the arithmetic removes them, the revision that is known to work keeps its capacity, like the
 * kubelet, which restarts containers of old pods.
 */
export const restartCrashed: Step = (state, now) =>
  state.instances
    .filter((instance) => instance.state === 'crashed' && instance.restartAt <= now)
    .map(({ id, revision, restarts }) => ({
      type: 'StartInstance',
      instance: id,
      revision,
      restarts: restarts + 1,
    }))
