import { drainInstance } from './actions.js'
import { isCondemned } from './instances.js'
import type { Step } from './step.js'

/**
 * A rollback is a rolling update back to the stable revision: its instances that were not touched yet stay,
 * missing ones are started, the failed revision's go as far as the bounds allow, all by the same arithmetic.
 * This step only takes away at once what has failed: instances of the failed revision that crashed or are
 * condemned. They would be started again otherwise, and hold places that the stable revision needs.
 */
export const dropFailedRevision: Step = (state) => {
  if (state.rollout?.phase !== 'rollingBack') return []
  return state.instances
    .filter(({ revision }) => revision !== state.target)
    .filter((instance) => instance.state === 'crashed' || isCondemned(instance))
    .map((instance) => drainInstance(state, instance, 'rollback'))
}
