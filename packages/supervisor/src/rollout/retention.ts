import type { ServiceState } from '../model/index.js'
import { targetSpec } from './instances.js'

/**
 * Forgets the oldest revisions beyond revisionHistoryLimit old ones (Kubernetes: cleanupDeployment), never
 * one that runs, should run, or is what a failed rollout would go back to. Not while a rollout goes on.
 */
export function retain(state: ServiceState): ServiceState {
  const spec = targetSpec(state)
  if (state.rollout !== null || spec === undefined) return state
  const old = state.revisions.filter(({ number }) => number !== state.target)
  const excess = old.length - spec.revisionHistoryLimit
  if (excess <= 0) return state

  const inUse = new Set([state.stable, ...state.instances.map(({ revision }) => revision)])
  const forgotten = new Set(old.slice(0, excess).filter(({ number }) => !inUse.has(number)))
  if (forgotten.size === 0) return state
  return { ...state, revisions: state.revisions.filter((revision) => !forgotten.has(revision)) }
}
