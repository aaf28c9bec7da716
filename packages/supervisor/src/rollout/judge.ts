import type { Failure, Instance, ServiceState } from '../model/index.js'
import { progressDeadline } from './deadline.js'
import { listed, seconds } from '../model/text.js'
import { afterStart } from './sentences.js'
import { countAvailable, isAvailable, isTargetAvailable, mayAccept, setsOf, targetSpec } from './instances.js'
import type { Step } from './step.js'

/** Whether the rollout is over: complete, failed, or rolled back. */
export const judgeRollout: Step = (state, now) => {
  const { rollout } = state
  if (!rollout) return []
  const { number, phase } = rollout
  switch (phase) {
    case 'progressing': {
      const failure = failureOf(state) ?? rollout.execFailure ?? deadlineFailure(state, now)
      if (failure) return [{ type: 'FailRollout', rollout: number, failure, rollBack: rollout.from !== null }]
      return isComplete(state, now) ? [{ type: 'CompleteRollout', rollout: number }] : []
    }
    case 'failed': // it came up after all: from now on there is a revision to go back to
      return isComplete(state, now) ? [{ type: 'CompleteRollout', rollout: number }] : []
    case 'rollingBack':
      return isComplete(state, now) ? [{ type: 'FinishRollback', rollout: number }] : []
  }
}

/**
 * Every replica of the target is available, and nothing of another revision accepts connections any more:
 * from here on no new connection meets another version. Old instances may go on draining behind it.
 */
const isComplete = (state: ServiceState, now: number): boolean =>
  !state.paused &&
  isTargetAvailable(state, now) &&
  !state.instances.some((instance) => instance.revision !== state.target && mayAccept(instance)) &&
  setsOf(state).old.length === 0

/** A new instance that ends, cannot be started or fails a probe ends the rollout at once, paused or not. */
const failureOf = (state: ServiceState): Failure | null =>
  state.instances.find(
    (instance) =>
      instance.revision === state.target && instance.state !== 'draining' && instance.failure !== null,
  )?.failure ?? null

function deadlineFailure(state: ServiceState, now: number): Failure | null {
  const deadline = progressDeadline(state, now)
  if (deadline === null || now < deadline) return null
  const { target } = setsOf(state)
  const limit = seconds((targetSpec(state)?.progressDeadlineSeconds ?? 0) * 1000)
  const available = countAvailable(state, target, now)
  const late = target.flatMap((instance) => notAvailable(state, instance, now) ?? [])
  const message = [
    `revision ${state.target} made no progress for ${limit}: `,
    `${available} of ${state.replicas} instances available`,
    late.length > 0 ? `, ${listed(late)}` : '',
  ].join('')
  return { code: 'ProgressDeadlineExceeded', message }
}

function notAvailable(state: ServiceState, instance: Instance, now: number): string | null {
  if (instance.state === 'unready') return `${instance.id} is not ready: ${instance.reason}`
  if (instance.state !== 'ready') return `${instance.id} is not ready ${afterStart(instance, now)}`
  return isAvailable(state, instance, now)
    ? null
    : `${instance.id} has been ready for ${seconds(now - instance.since)}`
}
