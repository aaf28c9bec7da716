import type { ServiceState } from '../model/index.js'
import { targetSpec } from './instances.js'

/**
 * Deletes the oldest revisions beyond revisionHistoryLimit (Kubernetes: cleanupDeployment). Keeps the target, the
 * stable revision, and every revision that has instances. Does nothing during a rollout.
 */
export function retain(state: ServiceState): ServiceState {
  const spec = targetSpec(state)
  if (state.rollout !== null || spec === undefined) return state
  const old = state.revisions.filter(({ number }) => number !== state.target)
  const excess = old.length - spec.revisionHistoryLimit
  if (excess <= 0) return state

  const inUse = new Set([state.stable, ...state.instances.map(({ revision }) => revision)])
  const deleted = new Set(old.slice(0, excess).filter(({ number }) => !inUse.has(number)))
  if (deleted.size === 0) return state
  return { ...state, revisions: state.revisions.filter((revision) => !deleted.has(revision)) }
}
