import type { Instance, ServiceState } from '../model/index.js'
import { drainInstance } from './actions.js'
import { isCondemned } from './instances.js'
import { condemnedReason, isOverMemory } from './memory.js'
import type { Step } from './step.js'

/**
 * An instance that failed its startup or liveness probe has to go.
 *
 * Not ready: it serves nobody, and is drained at once. Ready: it may still serve, so where no rollout goes on
 * its replacement comes first, as far as the surge allows (see `setsOf`: the arithmetic treats it as old).
 * During a rollout, or when it failed before, it is drained at once and comes back after its back-off.
 *
 * One that is ready and exceeded its memory limit serves as well as ever: it goes when its replacement is there,
 * however often that happens, and one of a revision that a rollout replaces is left to the rollout.
 */
export const drainCondemned: Step = (state) =>
  state.instances
    .filter(isCondemned)
    .filter((instance) => instance.state !== 'ready' || !mayServeOn(state, instance))
    .map((instance) => drainInstance(state, instance, condemnedReason(instance)))

function mayServeOn({ rollout, target }: ServiceState, instance: Instance): boolean {
  if (!isOverMemory(instance)) return rollout === null && instance.crashes === 0
  return rollout === null || rollout.phase === 'rollingBack' || instance.revision !== target
}

/**
 * What crashed is started again, the same instance, once its back-off is over. That holds for old instances
 * during a rollout too: the arithmetic takes unhealthy old ones away as soon as the new revision makes up for
 * them, and until then the revision that is known to work comes back, as kubelet restarts the containers of
 * pods that the deployment controller has left alone.
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
