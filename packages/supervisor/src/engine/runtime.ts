import type { Event, KernelCounters, ListenerSpec, Receipt, ServiceState } from '../model/index.js'
import type { ReadinessWatch } from './readiness.js'
import type { ListenerTable } from './listeners.js'

/** What the loop holds of one service beside its state: nothing in here decides anything. */
export interface ServiceRuntime {
  state: ServiceState
  listeners: ListenerTable
  watches: Map<string, ReadinessWatch>
  texts: Map<string, string>
  waiting: string[]
  cancelWake: (() => void) | null
  /** Events since the newest rollout started. */
  rolloutEvents: Event[]
  kernelBefore: KernelCounters | null
  receipts: Receipt[]
}

export const newRuntime = (state: ServiceState, listeners: ListenerTable): ServiceRuntime => ({
  state,
  listeners,
  watches: new Map(),
  texts: new Map(),
  waiting: [],
  cancelWake: null,
  rolloutEvents: [],
  kernelBefore: null,
  receipts: [],
})

/** Figures and status lines are news, not facts to restart from. */
export const isDurable = (event: Event): boolean =>
  event.type !== 'InstanceAccount' && event.type !== 'InstanceStatus'

/** The listeners of every revision that runs or may run again without being asked for. */
export function wantedListeners(state: ServiceState): Record<string, ListenerSpec>[] {
  const live = new Set([state.target, state.stable, ...state.instances.map((instance) => instance.revision)])
  return state.revisions.filter(({ number }) => live.has(number)).map(({ spec }) => spec.listen)
}

/** Whether a rollout is over with it: done, undone, or given up. */
export const endsRollout = (event: Event): boolean =>
  event.type === 'RolloutCompleted' ||
  event.type === 'RolloutRolledBack' ||
  (event.type === 'RolloutFailed' && !event.rollingBack)

/**
 * The events from which the newest rollout's receipt is folded, with this one. Of figures only the newest of
 * each instance is kept; once the rollout has ended only what becomes of draining instances is added, so the
 * list stays short however long the service runs.
 */
export function withEvent({ rolloutEvents, state }: ServiceRuntime, event: Event): Event[] {
  switch (event.type) {
    case 'RolloutStarted':
      return [event]
    case 'InstanceStatus':
      return rolloutEvents
    case 'InstanceAccount':
      return [
        ...rolloutEvents.filter((old) => old.type !== 'InstanceAccount' || old.instance !== event.instance),
        event,
      ]
    case 'InstanceDrained':
    case 'InstanceKilled':
    case 'InstanceStoppedAccepting':
    case 'InstanceDraining':
      return [...rolloutEvents, event]
    case 'InstanceExited': {
      const crashed = state.instances.some(({ id }) => id === event.instance)
      return crashed && state.rollout === null ? rolloutEvents : [...rolloutEvents, event]
    }
    default:
      return state.rollout === null && !endsRollout(event) ? rolloutEvents : [...rolloutEvents, event]
  }
}
