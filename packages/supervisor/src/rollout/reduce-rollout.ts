import type { Event, EventOf, Revision, Rollout, ServiceState } from '../model/index.js'
import { limitsOf } from './fenceposts.js'
import { isLiving, revisionOf, targetSpec } from './instances.js'
import type { InstanceEvent } from './reduce-instance.js'
import { proportionalSizes } from './proportional.js'

type RolloutEvent = Exclude<Event, InstanceEvent>

/** The state after an event about the service as a whole. */
export function reduceRollout(state: ServiceState, event: RolloutEvent): ServiceState {
  switch (event.type) {
    case 'RevisionCreated':
      return {
        ...state,
        revisions: [...state.revisions, event.revision],
        nextRevision: Math.max(state.nextRevision, event.revision.number + 1),
      }
    case 'RolloutStarted':
      return started(state, event)
    case 'RolloutPaused':
      return { ...state, paused: true }
    case 'RolloutResumed':
      // The pause does not count towards progressDeadlineSeconds.
      return withRollout({ ...state, paused: false }, { progressAt: event.at })
    case 'ServiceScaled':
      return scaled(state, event)
    case 'ServiceStopping':
      return { ...state, stopping: true, rollout: null }
    case 'ServiceStopped':
      return { ...state, stopped: true, stable: null, paused: false }
    case 'RolloutCompleted':
      return { ...state, stable: state.target, rollout: null }
    case 'RolloutFailed':
      return rolloutFailed(state, event)
    case 'RolloutRolledBack':
      return { ...state, rollout: null }
    case 'ListenersChanged':
      return { ...state, listeners: event.listeners }
    case 'RolloutAccounted':
      return state
    case 'ServiceRestored':
      return event.state
  }
}

function started(state: ServiceState, event: EventOf<'RolloutStarted'>): ServiceState {
  return {
    ...state,
    target: event.to,
    replicas: replicasFor(state, event.to),
    stopping: false,
    stopped: false,
    rollout: {
      number: event.rollout,
      phase: 'progressing',
      from: event.from,
      to: event.to,
      cause: event.cause,
      startedAt: event.at,
      progressAt: event.at,
      failure: null,
      replicasBefore: state.replicas,
      scaling: null,
    },
    nextRollout: Math.max(state.nextRollout, event.rollout + 1),
  }
}

/** A `scale` survives upgrades, unless the new spec changes `replicas`. */
function replicasFor(state: ServiceState, to: number): number {
  const after = revisionOf(state, to)?.spec.replicas ?? state.replicas
  const before = state.stopped ? undefined : targetSpec(state)?.replicas
  return after === before ? state.replicas : after
}

function scaled(state: ServiceState, event: EventOf<'ServiceScaled'>): ServiceState {
  const { replicas, at } = event
  return withRollout(
    { ...state, replicas },
    { progressAt: at, replicasBefore: replicas, scaling: sizesAfter(state, replicas) },
  )
}

/** The sizes that scaling during a rollout assigns to the revisions. Null if only one revision has instances. */
function sizesAfter(state: ServiceState, replicas: number): Rollout['scaling'] {
  const spec = targetSpec(state)
  if (!spec || spec.strategy.type === 'Recreate') return null
  const sizes = state.rollout?.scaling ?? sizesOf(state)
  if (sizes.length < 2) return null
  const before = limitsOf(spec, state.replicas).maxTotal
  return proportionalSizes(sizes, limitsOf(spec, replicas).maxTotal, Math.max(1, before))
}

function sizesOf(state: ServiceState): { revision: number; size: number }[] {
  const sizes = new Map<number, number>()
  for (const { revision } of state.instances.filter(isLiving))
    sizes.set(revision, (sizes.get(revision) ?? 0) + 1)
  return [...sizes].map(([revision, size]) => ({ revision, size }))
}

/**
 * The failure of a rollout also ends its pause: the user paused the rollout, not the rollback or the retries that
 * follow.
 */
function rolloutFailed(state: ServiceState, event: EventOf<'RolloutFailed'>): ServiceState {
  const { rollout } = state
  if (!rollout) return state
  const { failure, rollingBack, at } = event
  const markFailed = (revision: Revision): Revision =>
    revision.number === rollout.to ? { ...revision, failure } : revision
  const failed = { ...state, revisions: state.revisions.map(markFailed), paused: false }
  if (!rollingBack || rollout.from === null) return withRollout(failed, { phase: 'failed', failure })
  return withRollout(
    { ...failed, target: rollout.from, replicas: rollout.replicasBefore },
    { phase: 'rollingBack', failure, progressAt: at, scaling: null },
  )
}

const withRollout = (state: ServiceState, change: Partial<Rollout>): ServiceState =>
  state.rollout ? { ...state, rollout: { ...state.rollout, ...change } } : state
