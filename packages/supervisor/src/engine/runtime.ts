import type { Event, KernelCounters, ListenerSpec, Receipt, ServiceState } from '../model/index.js'
import type { ReadinessWatch } from './readiness.js'
import type { ListenerTable } from './listeners.js'

/** What the loop holds of one service beside its state: nothing in here decides anything. */
export interface ServiceRuntime {
  state: ServiceState
  listeners: ListenerTable
  watches: Map<string, ReadinessWatch>
  /** STATUS= lines, by instance. */
  texts: Map<string, string>
  waiting: string[]
  cancelWake: (() => void) | null
  /** Events since the newest rollout started. */
  rolloutEvents: Event[]
  kernelBefore: KernelCounters | null
  /** What the kernel counted during the newest rollout, once it has ended. */
  kernel: KernelCounters | null
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
  kernel: null,
  receipts: [],
})

/** Figures and status lines are news, not facts to restart from. */
export const isDurable = (event: Event): boolean =>
  event.type !== 'InstanceAccount' && event.type !== 'InstanceStatus'

/** What stands for all that was journaled of these services. */
export const snapshot = (runtimes: ServiceRuntime[], at: number): Event[] =>
  runtimes.map(({ state, receipts }) => ({
    service: state.name,
    at,
    type: 'ServiceRestored',
    state,
    receipts,
  }))

/** The listeners of every revision that runs or may run again without being asked for. */
export function wantedListeners(state: ServiceState): Record<string, ListenerSpec>[] {
  const live = new Set([state.target, state.stable, ...state.instances.map((instance) => instance.revision)])
  return state.revisions.filter(({ number }) => live.has(number)).map(({ spec }) => spec.listen)
}
