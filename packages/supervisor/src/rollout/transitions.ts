import type { EventOf, Exit, Failure, Instance, InstanceState, ServiceState } from '../model/index.js'
import { backOffMs, countedCrashes } from './backoff.js'
import { hasProgram } from './instances.js'

/*
 * The transitions of one instance; the diagram is in model/instance.ts. Each returns the instance unchanged (the
 * same object) if the transition does not apply to its state, and null if the instance is gone afterwards.
 */

export function createInstance({
  instance: id,
  revision,
  restarts,
  at,
}: EventOf<'InstanceStarting'>): Instance {
  return {
    id,
    revision,
    createdAt: at,
    startedAt: at,
    pid: null,
    startTime: null,
    restarts,
    // A replacement inherits its predecessor's count. Otherwise an instance that always fails would never back off.
    crashes: restarts,
    failure: null,
    account: null,
    state: 'starting',
    since: at,
  }
}

/** crashed → starting */
export function becomeRestarted(instance: Instance, { at, restarts }: EventOf<'InstanceStarting'>): Instance {
  if (instance.state !== 'crashed') return instance
  const starting = withState(instance, { state: 'starting', since: at })
  return { ...starting, startedAt: at, pid: null, startTime: null, restarts, failure: null, account: null }
}

/** The process exists. */
export function becomeStarted(instance: Instance, event: EventOf<'InstanceStarted'>): Instance {
  const { at, pid, startTime, shares, steered } = event
  return {
    ...instance,
    pid,
    startTime,
    startedAt: at,
    ...(shares && { shares }),
    ...(steered && { steered }),
  }
}

/** starting, unready → ready */
export function becomeReady(instance: Instance, at: number): Instance {
  if (instance.state !== 'starting' && instance.state !== 'unready') return instance
  return withState(instance, { state: 'ready', since: at })
}

/** ready → unready */
export function becomeUnready(
  instance: Instance,
  { at, reason }: EventOf<'InstanceBecameUnready'>,
): Instance {
  return instance.state === 'ready' ? withState(instance, { state: 'unready', since: at, reason }) : instance
}

/** ready → starting, `replacing`. The process stays; its figures count from here. */
export function becomeReplacing(
  instance: Instance,
  { at, revision }: EventOf<'InstanceExecuting'>,
): Instance {
  if (instance.state !== 'ready') return instance
  const replacing = { revision: instance.revision, readySince: instance.since }
  return { ...withState(instance, { state: 'starting', since: at }), revision, startedAt: at, replacing }
}

/**
 * starting, `replacing` → ready, as before the attempt. An instance that could not exec in a rollback is marked
 * `cannotExec` too: the rolling update then replaces it.
 */
export function abandonReplacing(
  { rollout }: ServiceState,
  instance: Instance,
  { refused }: EventOf<'InstanceExecFailed'>,
): Instance {
  const { replacing } = instance
  if (replacing === undefined || instance.state !== 'starting') return instance
  const ready = withState(instance, { state: 'ready', since: replacing.readySince })
  const cannotExec = refused || rollout?.phase !== 'progressing'
  return { ...ready, revision: replacing.revision, ...(cannotExec && { cannotExec }) }
}

/** Records why a running instance has to be replaced. Only the first reason counts. */
export function recordFailure(instance: Instance, at: number, failure: Failure): Instance {
  if (instance.failure !== null || !hasProgram(instance)) return instance
  return { ...instance, failure, crashes: countedCrashes(instance.crashes, at - instance.startedAt) }
}

/**
 * Any state → draining. A crashed instance has no process that could drain, so it is gone at once.
 *
 * - It failed its liveness probe: the first time, outside of a rollout, a new instance replaces it. Otherwise the
 *   same instance returns after its back-off, as kubelet restarts a container in its pod.
 * - It exceeded its memory limit: it was kept until its back-off had ended (see `isMemoryLimitEnforced`), so outside
 *   of a rollout it never returns.
 */
export function becomeDraining(
  { rollout }: ServiceState,
  instance: Instance,
  { at, deadline, reason }: EventOf<'InstanceDraining'>,
): Instance | null {
  if (instance.state === 'crashed') return null
  if (instance.state === 'draining') return instance
  const returns =
    (reason === 'liveness' && (instance.crashes > 0 || rollout !== null)) ||
    (reason === 'memory' && rollout !== null)
  return withState(instance, {
    state: 'draining',
    since: at,
    deadline,
    reason,
    accepting: true,
    killed: false,
    returns,
  })
}

/** Any state → crashed; draining → gone, unless the instance returns. */
export function becomeExited(instance: Instance, at: number, exit: Exit, failure: Failure): Instance | null {
  if (instance.state === 'crashed') return instance
  if (instance.state === 'draining' && !instance.returns) return null
  const backOffFrom = instance.state === 'draining' ? instance.since : at
  const crashes = countedCrashes(instance.crashes, at - instance.startedAt)
  const restartAt = Math.max(at, backOffFrom + backOffMs(crashes))
  return {
    ...withState(instance, { state: 'crashed', since: at, restartAt, exit }),
    crashes: crashes + 1,
    failure: instance.failure ?? failure,
  }
}

/** Fields of the old state, and `replacing`, must not survive a transition: only the common ones are copied. */
function withState(instance: Instance, state: InstanceState): Instance {
  const { id, revision, createdAt, startedAt, pid, startTime, restarts, crashes, failure, account } = instance
  const { cannotExec, shares, steered } = instance
  return {
    ...{ id, revision, createdAt, startedAt, pid, startTime, restarts, crashes, failure, account },
    ...(shares && state.state !== 'crashed' && { shares }),
    ...(steered && state.state !== 'crashed' && { steered }),
    ...(cannotExec && state.state !== 'crashed' && { cannotExec }),
    ...state,
  }
}
