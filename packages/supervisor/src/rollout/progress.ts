import type { Instance, RevisionProgress, RolloutProgress, ServiceState } from '../model/index.js'
import { countAvailable, isLiving } from './instances.js'

/** The figures of each revision that has instances, and of the target, newest first. */
export function progress(state: ServiceState, now: number): RolloutProgress {
  const numbers = new Set(state.instances.map(({ revision }) => revision))
  if (state.target !== 0 && !state.stopped) numbers.add(state.target)
  const revisions = [...numbers].sort((a, b) => b - a).map((revision) => figures(state, revision, now))
  return { replicas: state.replicas, revisions, line: revisions.map(inWords).join('; ') }
}

function figures(state: ServiceState, revision: number, now: number): RevisionProgress {
  const instances = state.instances.filter((instance) => instance.revision === revision)
  const count = (...states: Instance['state'][]) =>
    instances.filter((instance) => states.includes(instance.state)).length
  return {
    revision,
    wanted: revision === state.target && !state.stopping ? state.replicas : 0,
    starting: count('starting'),
    ready: count('ready'),
    available: countAvailable(state, instances.filter(isLiving), now),
    unhealthy: count('crashed', 'unready'),
    draining: count('draining'),
  }
}

function inWords(figures: RevisionProgress): string {
  const { revision, wanted, starting, ready, available, unhealthy, draining } = figures
  const parts = [
    wanted > 0 ? `${available} of ${wanted} available` : part(available, 'available'),
    part(ready - available, 'ready'),
    part(starting, 'starting'),
    part(unhealthy, 'unhealthy'),
    part(draining, 'draining'),
  ].filter((words) => words !== '')
  return `revision ${revision}: ${parts.join(', ') || 'no instances'}`
}

const part = (count: number, word: string): string => (count > 0 ? `${count} ${word}` : '')
