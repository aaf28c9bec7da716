import type { Action, DrainReason, Instance, ServiceState } from '../model/index.js'
import { revisionOf } from './instances.js'

/** Starts new instances of a revision, named by the next unused numbers. */
export const startInstances = (
  state: ServiceState,
  revision: number,
  count: number,
  restarts = 0,
): Action[] =>
  Array.from({ length: Math.max(0, count) }, (_, index) => ({
    type: 'StartInstance',
    instance: `${state.name}-${state.nextInstance + index}`,
    revision,
    restarts,
  }))

export const drainInstance = (state: ServiceState, instance: Instance, reason: DrainReason): Action => ({
  type: 'DrainInstance',
  instance: instance.id,
  reason,
  graceSeconds: revisionOf(state, instance.revision)?.spec.terminationGracePeriodSeconds ?? 30,
})

/** Whether the instance can be drained. One that drains already, even one that returns afterwards, cannot. */
export const isRemovable = (instance: Instance): boolean => instance.state !== 'draining'

/** Why an instance that does not belong to the target revision is drained. */
export function oldDrainReason(state: ServiceState): DrainReason {
  if (state.rollout?.phase === 'rollingBack') return 'rollback'
  return state.rollout?.cause === 'restart' ? 'restart' : 'upgrade'
}
