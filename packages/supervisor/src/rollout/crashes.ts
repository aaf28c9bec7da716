import { drainInstance } from './actions.js'
import { isCondemned } from './instances.js'
import type { Step } from './steps.js'

/**
 * An instance that failed its startup or liveness probe has to go.
 *
 * Not ready: it serves nobody, and is drained at once. Ready: it may still serve, so where no rollout goes on
 * its replacement comes first, as far as the surge allows (see `setsOf`: the arithmetic treats it as old).
 * During a rollout, or when it failed before, it is drained at once and comes back after its back-off.
 */
export const drainCondemned: Step = (state) =>
  state.instances
    .filter(isCondemned)
    .filter((instance) => instance.state !== 'ready' || instance.crashes > 0 || state.rollout !== null)
    .map((instance) => drainInstance(state, instance, 'liveness'))

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
