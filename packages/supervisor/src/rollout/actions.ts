import type { Action, DrainReason, Instance, ServiceState } from '../model/index.js'
import { revisionOf } from './instances.js'

/** Builds the actions that need something from the state. */

/** New instances of a revision, named by the next free numbers. */
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

/** A place that can be given up: an instance on its way out already cannot be drained a second time. */
export const isRemovable = (instance: Instance): boolean => instance.state !== 'draining'

/** Why an instance that is not of the target revision goes. */
export function oldDrainReason(state: ServiceState): DrainReason {
  if (state.rollout?.phase === 'rollingBack') return 'rollback'
  return state.rollout?.cause === 'restart' ? 'restart' : 'upgrade'
}
