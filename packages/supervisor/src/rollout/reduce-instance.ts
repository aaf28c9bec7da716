import type { Event, EventOf, Exit, Instance, ServiceState } from '../model/index.js'
import { isLiving } from './instances.js'
import { isMemoryLimitEnforced } from './memory.js'
import { exitFailure, memoryFailure, probeFailure, startFailure } from './sentences.js'
import {
  abandonReplacing,
  becomeDraining,
  becomeExited,
  becomeReady,
  becomeReplacing,
  becomeRestarted,
  becomeStarted,
  becomeUnready,
  createInstance,
  recordFailure,
} from './transitions.js'

/** An event about one instance. */
export type InstanceEvent = Extract<Event, { instance: string }>

export const isInstanceEvent = (event: Event): event is InstanceEvent => 'instance' in event

export function reduceInstance(state: ServiceState, event: InstanceEvent): ServiceState {
  const before = state.instances.find(({ id }) => id === event.instance)
  if (!before) return event.type === 'InstanceStarting' ? addInstance(state, event) : state
  const after = transition(state, before, event)
  if (after === before) return state
  const instances = state.instances.flatMap((instance) =>
    instance === before ? (after ? [after] : []) : [instance],
  )
  return settleScaling(noteProgress({ ...noteExecFailure(state, event), instances }, before, after, event))
}

function addInstance(state: ServiceState, event: EventOf<'InstanceStarting'>): ServiceState {
  const instance = createInstance(event)
  const nextInstance = Math.max(state.nextInstance, numberOf(event.instance) + 1)
  const instances = [...state.instances, instance]
  return settleScaling(noteProgress({ ...state, instances, nextInstance }, null, instance, event))
}

/** 3 for `web-3`. Numbers are never reused. */
const numberOf = (id: string): number => Number(id.slice(id.lastIndexOf('-') + 1)) || 0

const noExit: Exit = { code: null, signal: null }

/** The instance after the event. Null if it has ended. The same object if nothing changed. */
function transition(state: ServiceState, instance: Instance, event: InstanceEvent): Instance | null {
  const { at } = event
  switch (event.type) {
    case 'InstanceStarting':
      return becomeRestarted(instance, event)
    case 'InstanceStarted':
      return instance.state === 'crashed' ? instance : becomeStarted(instance, event)
    case 'InstanceExecuting':
      return becomeReplacing(instance, event)
    case 'InstanceExecFailed':
      return abandonReplacing(state, instance, event)
    case 'InstanceBecameReady':
      return becomeReady(instance, at)
    case 'InstanceBecameUnready':
      return becomeUnready(instance, event)
    case 'InstanceProgressed':
      return instance.state === 'starting' ? { ...instance, progress: event.progress } : instance
    case 'InstanceAccepting':
      return instance.state === 'unready' ? { ...instance, accepting: event.accepting } : instance
    case 'InstanceProbeFailed':
      return recordFailure(instance, at, probeFailure(instance, event))
    case 'InstanceExceededMemory':
      return isMemoryLimitEnforced(state, instance, at)
        ? recordFailure(instance, at, memoryFailure(instance, event))
        : instance
    case 'InstanceAccount':
      return { ...instance, account: event.account }
    case 'InstanceDraining':
      return becomeDraining(state, instance, event)
    case 'InstanceStoppedAccepting':
      return instance.state === 'draining' ? { ...instance, accepting: false } : instance
    case 'InstanceDrained':
      return instance.state === 'draining'
        ? { ...instance, accepting: false, account: event.account }
        : instance
    case 'InstanceKilled':
      return instance.state === 'draining' ? { ...instance, killed: true } : instance
    case 'InstanceStartFailed':
      return becomeExited(instance, at, noExit, startFailure(instance, event.failure))
    case 'InstanceExited':
      return becomeExited(instance, at, event.exit, exitFailure(instance, event))
    case 'InstanceExecuted':
    case 'InstanceSignalled':
    case 'InstanceStatus':
      return instance
  }
}

function noteExecFailure(state: ServiceState, event: InstanceEvent): ServiceState {
  const { rollout } = state
  if (event.type !== 'InstanceExecFailed' || event.refused || rollout?.phase !== 'progressing') return state
  return { ...state, rollout: { ...rollout, execFailure: event.failure } }
}

/**
 * Records progress, from which progressDeadlineSeconds counts: more of the target revision or less of another
 * (Kubernetes: DeploymentProgressing). Readiness counts once per process, so that an instance that flaps between
 * ready and unready cannot prolong a rollout forever.
 */
function noteProgress(
  state: ServiceState,
  before: Instance | null,
  after: Instance | null,
  event: InstanceEvent,
): ServiceState {
  if (!state.rollout) return state
  const revision = (after ?? before)?.revision
  const progressed =
    revision === state.target
      ? before === null ||
        event.type === 'InstanceExecuting' ||
        (before.state === 'starting' && after?.state === 'ready')
      : after === null || event.type === 'InstanceDraining' || event.type === 'InstanceStoppedAccepting'
  return progressed ? { ...state, rollout: { ...state.rollout, progressAt: event.at } } : state
}

/** Scaling during a rollout is complete once each revision has the size assigned to it. */
function settleScaling(state: ServiceState): ServiceState {
  if (!state.rollout?.scaling) return state
  const reached = state.rollout.scaling.every(({ revision, size }) => {
    const living = state.instances.filter((instance) => instance.revision === revision && isLiving(instance))
    const removable = living.filter((instance) => instance.state !== 'draining')
    return living.length === size || (living.length > size && removable.length === 0)
  })
  return reached ? { ...state, rollout: { ...state.rollout, scaling: null } } : state
}
