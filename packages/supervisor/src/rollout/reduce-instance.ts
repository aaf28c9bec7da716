import type { Event, EventOf, Failure, Instance, InstanceState, ServiceState } from '../model/index.js'
import { backOffMs, remembered } from './backoff.js'
import { hasProgram, isLiving } from './instances.js'
import { isHeldToMemory } from './memory.js'
import { exitFailure, memoryFailure, probeFailure, startFailure } from './sentences.js'

/** What happens to one instance. */
export type InstanceEvent = Extract<Event, { instance: string }>

export const isInstanceEvent = (event: Event): event is InstanceEvent => 'instance' in event

export function reduceInstance(state: ServiceState, event: InstanceEvent): ServiceState {
  const before = state.instances.find(({ id }) => id === event.instance)
  if (!before) return event.type === 'InstanceStarting' ? born(state, event) : state
  const after = next(state, before, event)
  if (after === before) return state
  const instances = state.instances.flatMap((instance) =>
    instance === before ? (after ? [after] : []) : [instance],
  )
  return settleScaling(noteProgress({ ...noteExecFailure(state, event), instances }, before, after, event))
}

function noteExecFailure(state: ServiceState, event: InstanceEvent): ServiceState {
  const { rollout } = state
  if (event.type !== 'InstanceExecFailed' || event.refused || rollout?.phase !== 'progressing') return state
  return { ...state, rollout: { ...rollout, execFailure: event.failure } }
}

function born(state: ServiceState, event: EventOf<'InstanceStarting'>): ServiceState {
  const instance: Instance = {
    id: event.instance,
    revision: event.revision,
    createdAt: event.at,
    startedAt: event.at,
    pid: null,
    startTime: null,
    restarts: event.restarts,
    // A replacement takes over its predecessor's count, or a failing probe would never back off.
    crashes: event.restarts,
    failure: null,
    account: null,
    state: 'starting',
    since: event.at,
  }
  const nextInstance = Math.max(state.nextInstance, numberOf(event.instance) + 1)
  const instances = [...state.instances, instance]
  return settleScaling(noteProgress({ ...state, instances, nextInstance }, null, instance, event))
}

/** `web-3` is the third instance of its service: the number is never given again. */
const numberOf = (id: string): number => Number(id.slice(id.lastIndexOf('-') + 1)) || 0

/** The instance after the event; null: it is gone; the same object: nothing changed. */
function next(state: ServiceState, instance: Instance, event: InstanceEvent): Instance | null {
  const { at } = event
  switch (event.type) {
    case 'InstanceStarting':
      return instance.state === 'crashed' ? restarted(instance, event) : instance
    case 'InstanceStarted':
      return instance.state === 'crashed'
        ? instance
        : { ...instance, pid: event.pid, startTime: event.startTime, startedAt: at }
    case 'InstanceExecuting':
      return executing(instance, event)
    case 'InstanceExecuted':
      return instance
    case 'InstanceExecFailed':
      return notExecuted(state, instance, event)
    case 'InstanceBecameReady':
      return is(instance, 'starting', 'unready') ? to(instance, { state: 'ready', since: at }) : instance
    case 'InstanceBecameUnready':
      return is(instance, 'ready')
        ? to(instance, { state: 'unready', since: at, reason: event.reason })
        : instance
    case 'InstanceProbeFailed':
      return condemned(instance, at, probeFailure(instance, event))
    case 'InstanceExceededMemory':
      return isHeldToMemory(state, instance, at)
        ? condemned(instance, at, memoryFailure(instance, event))
        : instance
    case 'InstanceStatus':
      return instance
    case 'InstanceAccount':
      return { ...instance, account: event.account }
    case 'InstanceDraining':
      return draining(state, instance, event)
    case 'InstanceStoppedAccepting':
      return instance.state === 'draining' ? { ...instance, accepting: false } : instance
    case 'InstanceDrained':
      return instance.state === 'draining'
        ? { ...instance, accepting: false, account: event.account }
        : instance
    case 'InstanceKilled':
      return instance.state === 'draining' ? { ...instance, killed: true } : instance
    case 'InstanceStartFailed':
      return ended(instance, at, { code: null, signal: null }, startFailure(instance, event.failure))
    case 'InstanceExited':
      return ended(instance, at, event.exit, exitFailure(instance, event))
  }
}

const is = (instance: Instance, ...states: Instance['state'][]): boolean => states.includes(instance.state)

function to(instance: Instance, state: InstanceState): Instance {
  const { id, revision, createdAt, startedAt, pid, startTime, restarts, crashes, failure, account } = instance
  const { cannotExec } = instance
  return {
    ...{ id, revision, createdAt, startedAt, pid, startTime, restarts, crashes, failure, account },
    ...(cannotExec && state.state !== 'crashed' && { cannotExec }),
    ...state,
  }
}

/** The process stays; what it will be counts from here. */
function executing(instance: Instance, { at, revision }: EventOf<'InstanceExecuting'>): Instance {
  if (instance.state !== 'ready') return instance
  const replacing = { revision: instance.revision, readySince: instance.since }
  return { ...to(instance, { state: 'starting', since: at }), revision, startedAt: at, replacing }
}

/** Nothing happened to it: it has been ready all the time. Where it cannot go back in place, it is replaced. */
function notExecuted(
  { rollout }: ServiceState,
  instance: Instance,
  { refused }: EventOf<'InstanceExecFailed'>,
): Instance {
  const { replacing } = instance
  if (replacing === undefined || instance.state !== 'starting') return instance
  const ready = to(instance, { state: 'ready', since: replacing.readySince })
  const cannotExec = refused || rollout?.phase !== 'progressing'
  return { ...ready, revision: replacing.revision, ...(cannotExec && { cannotExec }) }
}

const restarted = (instance: Instance, { at, restarts }: EventOf<'InstanceStarting'>): Instance => ({
  ...to(instance, { state: 'starting', since: at }),
  startedAt: at,
  pid: null,
  startTime: null,
  restarts,
  failure: null,
  account: null,
})

function condemned(instance: Instance, at: number, failure: Failure): Instance {
  if (instance.failure !== null || !hasProgram(instance)) return instance
  const crashes = remembered(instance.crashes, at - instance.startedAt)
  return { ...instance, failure, crashes }
}

/**
 * A crashed instance has no process that could drain: it is gone at once. One that failed its liveness probe
 * is replaced by a new instance at once, but only the first time and outside of a rollout; else it comes back
 * itself, after its back-off, as kubelet restarts a container in its pod. One that exceeded its memory limit has
 * waited for its back-off before it was condemned (see `isHeldToMemory`): outside of a rollout it never returns.
 */
function draining(
  state: ServiceState,
  instance: Instance,
  event: EventOf<'InstanceDraining'>,
): Instance | null {
  if (instance.state === 'crashed') return null
  if (instance.state === 'draining') return instance
  const { at, deadline, reason } = event
  const returns =
    (reason === 'liveness' && (instance.crashes > 0 || state.rollout !== null)) ||
    (reason === 'memory' && state.rollout !== null)
  return to(instance, {
    state: 'draining',
    since: at,
    deadline,
    reason,
    accepting: true,
    killed: false,
    returns,
  })
}

function ended(
  instance: Instance,
  at: number,
  exit: { code: number | null; signal: string | null },
  failure: Failure,
): Instance | null {
  if (instance.state === 'crashed') return instance
  if (instance.state === 'draining' && !instance.returns) return null
  const backOffFrom = instance.state === 'draining' ? instance.since : at
  const crashes = remembered(instance.crashes, at - instance.startedAt)
  const restartAt = Math.max(at, backOffFrom + backOffMs(crashes))
  return {
    ...to(instance, { state: 'crashed', since: at, restartAt, exit }),
    crashes: crashes + 1,
    failure: instance.failure ?? failure,
  }
}

/**
 * Whether something became better, which is what progressDeadlineSeconds waits for: more of the target
 * revision, or less of another (Kubernetes: DeploymentProgressing). Readiness counts once per process, so
 * that an instance that flaps between ready and unready cannot hold a rollout open for ever.
 */
function noteProgress(
  state: ServiceState,
  before: Instance | null,
  after: Instance | null,
  event: InstanceEvent,
): ServiceState {
  if (!state.rollout) return state
  const revision = (after ?? before)?.revision
  const better =
    revision === state.target
      ? before === null ||
        event.type === 'InstanceExecuting' ||
        (before.state === 'starting' && after?.state === 'ready')
      : after === null || event.type === 'InstanceDraining' || event.type === 'InstanceStoppedAccepting'
  return better ? { ...state, rollout: { ...state.rollout, progressAt: event.at } } : state
}

/** A scaling in the middle of a rollout is over once each revision has the size that it was given. */
function settleScaling(state: ServiceState): ServiceState {
  if (!state.rollout?.scaling) return state
  const reached = state.rollout.scaling.every(({ revision, size }) => {
    const living = state.instances.filter((instance) => instance.revision === revision && isLiving(instance))
    const removable = living.filter((instance) => instance.state !== 'draining')
    return living.length === size || (living.length > size && removable.length === 0)
  })
  return reached ? { ...state, rollout: { ...state.rollout, scaling: null } } : state
}
