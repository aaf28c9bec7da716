import type { Instance, ServiceState } from '../../dist/model/index.js'
import { countAvailable, isLiving } from '../../dist/rollout/instances.js'

/**
 * The figures of each revision that has instances, and of the target, newest first, as one line:
 * `revision 2: 1 of 2 available, 1 starting; revision 1: 1 available`.
 */
export function progressLine(state: ServiceState, now: number): string {
  const numbers = new Set(state.instances.map(({ revision }) => revision))
  if (state.target !== 0 && !state.stopped) numbers.add(state.target)
  const newestFirst = [...numbers].sort((a, b) => b - a)
  return newestFirst.map((revision) => inWords(figures(state, revision, now))).join('; ')
}

function figures(state: ServiceState, revision: number, now: number) {
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

type Figures = ReturnType<typeof figures>

function inWords({ revision, wanted, starting, ready, available, unhealthy, draining }: Figures): string {
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
