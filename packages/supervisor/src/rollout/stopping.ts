import { drainInstance, isRemovable } from './actions.js'
import type { Step } from './step.js'

/** Sends SIGKILL, once, to instances that are still running at the end of their grace period. */
export const killOverdue: Step = (state, now) =>
  state.instances
    .filter((instance) => instance.state === 'draining' && !instance.killed && instance.deadline <= now)
    .map(({ id }) => ({ type: 'KillInstance', instance: id }))

export const stopEverything: Step = (state) =>
  state.instances.filter(isRemovable).map((instance) => drainInstance(state, instance, 'stop'))

export const finishStop: Step = (state) =>
  state.instances.length === 0 && !state.stopped ? [{ type: 'FinishStop' }] : []
