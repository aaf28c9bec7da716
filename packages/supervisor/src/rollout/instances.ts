import type { Instance, Revision, ServiceSpec, ServiceState } from '../model/index.js'

export const revisionOf = (state: ServiceState, number: number | null): Revision | undefined =>
  state.revisions.find((revision) => revision.number === number)

export const targetSpec = (state: ServiceState): ServiceSpec | undefined =>
  revisionOf(state, state.target)?.spec

/** Whether the instance counts as a replica: it serves, will serve, or returns. In Kubernetes, terminating pods do not count either. */
export const isLiving = (instance: Instance): boolean => instance.state !== 'draining' || instance.returns

/** Whether its program is meant to run: it neither drains nor waits for its back-off. */
export const hasProgram = ({ state }: Instance): boolean =>
  state === 'starting' || state === 'ready' || state === 'unready'

/**
 * Whether the first instance of the service starts before all others: nothing is known of what the application listens
 * on, and two instances that bind the same address at the same time would get EADDRINUSE.
 */
export function bootsAlone(state: ServiceState): boolean {
  const spec = targetSpec(state)
  return (
    state.stable === null &&
    state.listeners.length === 0 &&
    spec !== undefined &&
    spec.discover !== false &&
    Object.keys(spec.listen).length === 0 &&
    state.instances.every((instance) => instance.state !== 'ready')
  )
}

/** Whether it failed its startup or liveness probe, or exceeded its memory limit, and is not yet drained for it. */
export const needsReplacement = (instance: Instance): boolean =>
  instance.failure !== null && hasProgram(instance)

/** When a ready instance becomes available, after minReadySeconds of its own revision. Null if it is not ready. */
export function availableAt(state: ServiceState, instance: Instance): number | null {
  if (instance.state !== 'ready') return null
  const minReadySeconds = revisionOf(state, instance.revision)?.spec.minReadySeconds ?? 0
  return instance.since + minReadySeconds * 1000
}

export function isAvailable(state: ServiceState, instance: Instance, now: number): boolean {
  const at = availableAt(state, instance)
  return at !== null && at <= now
}

/** Whether the instance may still accept new connections. */
export const mayAccept = (instance: Instance): boolean =>
  instance.state === 'draining' ? instance.accepting : instance.state !== 'crashed'

/**
 * Whether it serves until its replacement is available. The arithmetic counts it as old, so that the new instance
 * starts before this one is drained.
 */
const awaitsReplacement = (instance: Instance): boolean =>
  instance.state === 'ready' && needsReplacement(instance)

/** The two sets that the arithmetic compares, each ordered oldest first as in `state.instances`. */
export interface Sets {
  /** Living instances of the target revision. */
  target: Instance[]
  /** All other living instances. */
  old: Instance[]
}

export function setsOf(state: ServiceState): Sets {
  const living = state.instances.filter(isLiving)
  const isNew = (instance: Instance) => instance.revision === state.target && !awaitsReplacement(instance)
  return { target: living.filter(isNew), old: living.filter((instance) => !isNew(instance)) }
}

export const countAvailable = (state: ServiceState, instances: Instance[], now: number): number =>
  instances.filter((instance) => isAvailable(state, instance, now)).length

/** Whether the target has exactly `replicas` instances, all of them available. */
export function isTargetAvailable(state: ServiceState, now: number): boolean {
  const { target } = setsOf(state)
  return target.length === state.replicas && countAvailable(state, target, now) === state.replicas
}
