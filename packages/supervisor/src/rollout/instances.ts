import type { Instance, Revision, ServiceSpec, ServiceState } from '../model/index.js'

/** Questions that are asked of the state in many places. */

export const revisionOf = (state: ServiceState, number: number | null): Revision | undefined =>
  state.revisions.find((revision) => revision.number === number)

export const targetSpec = (state: ServiceState): ServiceSpec | undefined =>
  revisionOf(state, state.target)?.spec

/** Holds a place among the replicas: it serves, will serve, or comes back. Terminating pods do not count either. */
export const isLiving = (instance: Instance): boolean => instance.state !== 'draining' || instance.returns

/** Its program is meant to serve: it neither drains nor waits for its back-off. */
export const hasProgram = ({ state }: Instance): boolean =>
  state === 'starting' || state === 'ready' || state === 'unready'

/** Failed its startup or liveness probe, or exceeded its memory limit, and nothing was done about it yet. */
export const isCondemned = (instance: Instance): boolean => instance.failure !== null && hasProgram(instance)

/** When a ready instance becomes available: after minReadySeconds of its own revision. Null: not ready. */
export function availableAt(state: ServiceState, instance: Instance): number | null {
  if (instance.state !== 'ready') return null
  const minReadySeconds = revisionOf(state, instance.revision)?.spec.minReadySeconds ?? 0
  return instance.since + minReadySeconds * 1000
}

export function isAvailable(state: ServiceState, instance: Instance, now: number): boolean {
  const at = availableAt(state, instance)
  return at !== null && at <= now
}

/** May take a new connection for a version that is not wanted any more. */
export const mayAccept = (instance: Instance): boolean =>
  instance.state === 'draining' ? instance.accepting : instance.state !== 'crashed'

/**
 * A condemned instance that still serves while its replacement starts: new before old, for one instance. It
 * is treated as if it were of an old revision.
 */
const awaitsReplacement = (instance: Instance): boolean => instance.state === 'ready' && isCondemned(instance)

/** The two sides that the arithmetic weighs against each other. Oldest first, as `state.instances` is. */
export interface Sets {
  /** Living instances of the target revision. */
  target: Instance[]
  /** All other living ones. */
  old: Instance[]
}

export function setsOf(state: ServiceState): Sets {
  const living = state.instances.filter(isLiving)
  const isNew = (instance: Instance) => instance.revision === state.target && !awaitsReplacement(instance)
  return { target: living.filter(isNew), old: living.filter((instance) => !isNew(instance)) }
}

export const countAvailable = (state: ServiceState, instances: Instance[], now: number): number =>
  instances.filter((instance) => isAvailable(state, instance, now)).length

/** The target serves in full: `replicas` instances of it, all of them available. */
export function isTargetAvailable(state: ServiceState, now: number): boolean {
  const { target } = setsOf(state)
  return target.length === state.replicas && countAvailable(state, target, now) === state.replicas
}
