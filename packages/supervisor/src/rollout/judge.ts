import type { Failure, Instance, ServiceState } from '../model/index.js'
import { progressDeadline } from './deadline.js'
import { listed, seconds } from '../model/text.js'
import { afterStart, progressOf } from './sentences.js'
import { countAvailable, isAvailable, isTargetAvailable, mayAccept, setsOf, targetSpec } from './instances.js'
import type { Step } from './step.js'

/** Ends the rollout once it is complete, failed or rolled back. */
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
    case 'failed': // It became available after all: from now on there is a revision to roll back to.
      return isComplete(state, now) ? [{ type: 'CompleteRollout', rollout: number }] : []
    case 'rollingBack':
      return isComplete(state, now) ? [{ type: 'FinishRollback', rollout: number }] : []
  }
}

/**
 * Every replica of the target is available and no instance of another revision accepts connections, so every new
 * connection reaches the target. Old instances may still be draining.
 */
const isComplete = (state: ServiceState, now: number): boolean =>
  !state.paused &&
  isTargetAvailable(state, now) &&
  !state.instances.some((instance) => instance.revision !== state.target && mayAccept(instance)) &&
  setsOf(state).old.length === 0

/** A new instance that exits, cannot be started or fails a probe ends the rollout at once, even while it is paused. */
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
  const reasons = target.flatMap((instance) => whyUnavailable(state, instance, now) ?? [])
  const message = [
    `revision ${state.target} made no progress for ${limit}: `,
    `${available} of ${state.replicas} instances available`,
    reasons.length > 0 ? `, ${listed(reasons)}` : '',
  ].join('')
  return { code: 'ProgressDeadlineExceeded', message }
}

function whyUnavailable(state: ServiceState, instance: Instance, now: number): string | null {
  if (instance.state === 'unready') return `${instance.id} is not ready: ${instance.reason}`
  if (instance.state !== 'ready') {
    const clauses = progressOf(instance)
    const why = clauses.length === 0 ? '' : ` (${clauses.join('; ')})`
    return `${instance.id} is not ready ${afterStart(instance, now)}${why}`
  }
  return isAvailable(state, instance, now)
    ? null
    : `${instance.id} has been ready for ${seconds(now - instance.since)}`
}
