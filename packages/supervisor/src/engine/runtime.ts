import type {
  Event,
  KernelCounters,
  ListenerSpec,
  OpenListener,
  Receipt,
  ServiceState,
} from '../model/index.js'
import type { ReadinessWatch } from './readiness.js'
import type { ListenerTable } from './listeners.js'

/** A service's state, and what the loop keeps in addition. Decisions depend only on the state. */
export interface ServiceRuntime {
  state: ServiceState
  listeners: ListenerTable
  watches: Map<string, ReadinessWatch>
  /** Last STATUS= line (sd_notify(3)) by instance. */
  texts: Map<string, string>
  waiting: string[]
  cancelWake: (() => void) | null
  /** The events since the newest rollout started that its receipt needs. */
  rolloutEvents: Event[]
  kernelBefore: KernelCounters | null
  /** What the kernel counted during the newest rollout. Null while it is in progress. */
  kernel: KernelCounters | null
  receipts: Receipt[]
  /** What each instance listens on. */
  uses: Map<string, InstanceUse>
  /** Discovered listeners of an earlier supervisor that no instance holds any more. The service manager may have them. */
  orphans: OpenListener[]
  /** Discovered listeners that no instance uses any more, and since when, in milliseconds since the epoch. */
  unusedSince: Map<string, number>
  cancelLook: (() => void) | null
}

/** The names of the listeners that an instance uses. */
export interface InstanceUse {
  /** Of those that it was given. Null until it has reported that it is ready, and without the library. */
  adopted: string[] | null
  /** Of those that it has bound itself. */
  bound: string[]
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
  uses: new Map(),
  orphans: [],
  unusedSince: new Map(),
  cancelLook: null,
})

/** Accounts, status lines and progress are not journaled: instances report them again to the next supervisor. */
export const isDurable = (event: Event): boolean =>
  event.type !== 'InstanceAccount' && event.type !== 'InstanceStatus' && event.type !== 'InstanceProgressed'

/** Events that replace all journaled events of these services. */
export const snapshot = (runtimes: ServiceRuntime[], at: number): Event[] =>
  runtimes.map(({ state, receipts }) => ({
    service: state.name,
    at,
    type: 'ServiceRestored',
    state,
    receipts,
  }))

/** The listeners of every revision that runs, or that a rollback may start again. */
export function wantedListeners(state: ServiceState): Record<string, ListenerSpec>[] {
  const inUse = new Set([state.target, state.stable, ...state.instances.map((instance) => instance.revision)])
  return state.revisions.filter(({ number }) => inUse.has(number)).map(({ spec }) => spec.listen)
}
