import type { Event, KernelCounters, Receipt, ServiceState } from '../model/index.js'
import { receiptOf } from '../rollout/index.js'
import type { KernelStats } from '../ports.js'
import type { ServiceRuntime } from './runtime.js'

const maxReceipts = 100

/**
 * Keeps the events of the newest rollout and, once it has ended, its receipt. Returns the receipt when it should be
 * journaled: at the end of the rollout, and again when the last old instance has exited.
 */
export function updateReceipt(runtime: ServiceRuntime, event: Event, kernel: KernelStats): Receipt | null {
  if (event.type === 'RolloutAccounted') runtime.receipts = keep(runtime.receipts, event.receipt)
  if (event.type === 'RolloutStarted') {
    runtime.kernelBefore = kernel.read()
    runtime.kernel = null
  }
  const events = withEvent(runtime, event)
  if (events === runtime.rolloutEvents) return null
  runtime.rolloutEvents = events
  const ends = endsRollout(event)
  if (ends) runtime.kernel = difference(runtime.kernelBefore, kernel.read())
  const receipt = receiptOf(events)
  if (receipt === null) return null
  const whole = { ...receipt, kernel: runtime.kernel }
  const before = runtime.receipts.at(-1)
  runtime.receipts = keep(runtime.receipts, whole)
  const drainedNow = before?.rollout === whole.rollout && before.phases.drained !== whole.phases.drained
  return ends || drainedNow ? whole : null
}

/** Replaces the earlier receipt of the same rollout. */
const keep = (receipts: Receipt[], receipt: Receipt): Receipt[] =>
  [...receipts.filter(({ rollout }) => rollout !== receipt.rollout), receipt].slice(-maxReceipts)

/** The receipt of the newest rollout. Null while it is in progress. Updated until the old instances have exited. */
export const currentReceipt = ({ state, receipts }: ServiceRuntime): Receipt | null =>
  state.rollout === null ? (receipts.at(-1) ?? null) : null

function difference(before: KernelCounters | null, after: KernelCounters | null): KernelCounters | null {
  if (!before || !after) return null
  return {
    ListenOverflows: after.ListenOverflows - before.ListenOverflows,
    ListenDrops: after.ListenDrops - before.ListenDrops,
    UdpRcvbufErrors: (after.UdpRcvbufErrors ?? 0) - (before.UdpRcvbufErrors ?? 0),
  }
}

/** Whether the event ends a rollout. A failed rollout that is rolled back ends with the rollback. */
export const endsRollout = (event: Event): boolean =>
  event.type === 'RolloutCompleted' ||
  event.type === 'RolloutRolledBack' ||
  (event.type === 'RolloutFailed' && !event.rollingBack)

/**
 * Keeps only the latest account of each instance and, after the end of the rollout, only events of draining instances.
 * So the list stays short however long the service runs.
 */
function withEvent({ rolloutEvents, state }: ServiceRuntime, event: Event): Event[] {
  switch (event.type) {
    case 'RolloutStarted':
      return [event]
    case 'InstanceStatus':
    case 'InstanceProgressed':
    case 'ServiceRestored':
    case 'ListenersChanged':
    case 'RolloutAccounted':
      return rolloutEvents
    case 'InstanceAccount':
      if (state.rollout === null && !isDraining(state, event.instance)) return rolloutEvents
      return [
        ...rolloutEvents.filter((old) => old.type !== 'InstanceAccount' || old.instance !== event.instance),
        event,
      ]
    case 'InstanceDrained':
    case 'InstanceKilled':
    case 'InstanceSignalled':
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

const isDraining = ({ instances }: ServiceState, instance: string): boolean =>
  instances.some(({ id, state }) => id === instance && state === 'draining')
