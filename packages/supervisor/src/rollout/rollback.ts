import { drainInstance } from './actions.js'
import { needsReplacement } from './instances.js'
import type { Step } from './step.js'

/**
 * A rollback is a rolling update to the stable revision, by the same arithmetic. This step only drains, at once,
 * instances of the failed revision that crashed or need to be replaced. Otherwise they would be restarted and count
 * as replicas that the stable revision needs.
 */
export const dropFailedRevision: Step = (state) => {
  if (state.rollout?.phase !== 'rollingBack') return []
  return state.instances
    .filter(({ revision }) => revision !== state.target)
    .filter((instance) => instance.state === 'crashed' || needsReplacement(instance))
    .map((instance) => drainInstance(state, instance, 'rollback'))
}
