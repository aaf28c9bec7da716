import type { ServiceState } from '../model/index.js'
import { counted } from '../model/text.js'

/**
 * The state of all services together, as reported to systemd:
 *
 *     starting ──► ready ◄──► reloading
 *        │           │           │
 *        ▼           ▼           │
 *     failed      stopping ◄─────┘
 *
 * A paused rollout waits for the user, so it counts as ready. A later rollout that failed was rolled back, so the
 * services are ready.
 */
export type Phase = 'starting' | 'failed' | 'ready' | 'reloading' | 'stopping'

export function phaseOf(states: ServiceState[], wasReady: boolean): Phase {
  if (states.length > 0 && states.every(({ stopping }) => stopping)) return 'stopping'
  const rolling = states.filter(({ rollout, stopping }) => rollout !== null && !stopping)
  if (rolling.some(({ rollout, paused }) => rollout?.phase !== 'failed' && !paused))
    return wasReady ? 'reloading' : 'starting'
  return !wasReady && rolling.some(({ rollout }) => rollout?.phase === 'failed') ? 'failed' : 'ready'
}

/** For `systemctl status`: `web: revision 3, 2 of 2 instances ready, 14 connections; api: …`. */
export const statusSentence = (states: ServiceState[]): string =>
  states.map(serviceSentence).join('; ') || 'no service'

function serviceSentence({ name, target, replicas, instances, rollout, stopping }: ServiceState): string {
  const connections = instances.reduce((sum, { account }) => sum + (account?.open ?? 0), 0)
  const isCounted = instances.some(({ account }) => account !== null)
  const draining = instances.filter(({ state }) => state === 'draining').length
  const ready = instances.filter(({ state, revision }) => state === 'ready' && revision === target).length
  const facts = stopping
    ? ['stopping']
    : [verb(rollout, target), `${ready} of ${counted(replicas, 'instance')} ready`]
  if (draining > 0) facts.push(`${draining} draining`)
  if (isCounted) facts.push(counted(connections, 'connection'))
  return `${name}: ${facts.join(', ')}`
}

function verb(rollout: ServiceState['rollout'], target: number): string {
  switch (rollout?.phase) {
    case 'progressing':
      return rollout.from === null ? `starting revision ${target}` : `rolling to revision ${target}`
    case 'rollingBack':
      return `rolling back to revision ${target}`
    case 'failed':
      return `revision ${target} failed`
    case undefined:
      return `revision ${target}`
  }
}
