import type { Command, EventBody, Result, Revision, ServiceState } from '../model/index.js'
import { failed, ok } from '../model/index.js'
import { isRollbackStuck } from './deadline.js'
import { countAvailable, revisionOf, setsOf } from './instances.js'

type CommandOf<T extends Command['type']> = Extract<Command, { type: T }>
type Answer = Result<EventBody[]>

/** What a user may ask for, as the events that it means; or the reason why not. */
export function accept(state: ServiceState, command: Command, now: number): Answer {
  const { name } = state
  if (state.stopping && !state.stopped)
    return refused(
      command.type === 'Stop'
        ? `"${name}" is stopping already`
        : `"${name}" is stopping: ask again when it has stopped`,
    )
  if (command.type === 'Upgrade') return upgrade(state, command, now)
  if (state.stopped || state.target === 0) return refused(`"${name}" is not running: start it first`)
  switch (command.type) {
    case 'Undo':
      return undo(state, command, now)
    case 'Restart':
      return restart(state, now)
    case 'Pause':
      return pause(state)
    case 'Resume':
      return state.paused ? ok([{ type: 'RolloutResumed' }]) : refused(`"${name}" is not paused`)
    case 'Scale':
      return scale(state, command)
    case 'Stop':
      return ok([{ type: 'ServiceStopping' }])
  }
}

/** While paused too: the new revision is recorded then, and rolls when the service is resumed, as in Kubernetes. */
function upgrade(state: ServiceState, { revision, cause }: CommandOf<'Upgrade'>, now: number): Answer {
  return busy(state, now) ?? roll(state, { ...revision, cause }, now)
}

/**
 * Without a number: to the newest revision before the present one whose rollout did not fail. In the middle of
 * a rollout it means "back to where we were", and ends that rollout as undone.
 */
function undo(state: ServiceState, { toRevision }: CommandOf<'Undo'>, now: number): Answer {
  const { name, rollout, target } = state
  if (
    rollout?.phase === 'progressing' &&
    rollout.from !== null &&
    (toRevision ?? rollout.from) === rollout.from
  )
    return ok([abandoned(rollout.number, rollout.to)])
  const refusal = busy(state, now) ?? held(state, 'undo')
  if (refusal) return refusal
  if (toRevision === target) return refused(`"${name}" runs revision ${target} already`)
  const revision = toRevision === null ? previous(state) : revisionOf(state, toRevision)
  if (!revision)
    return toRevision === null
      ? refused(`"${name}" has no revision before ${target} to go back to`)
      : failed('Usage', `"${name}" has no revision ${toRevision}: it has ${numbersOf(state)}`)
  // What runs goes back, how many of it does not: undoing a bad release must not undo capacity (as in Kubernetes).
  const replicas = revisionOf(state, target)?.spec.replicas ?? revision.spec.replicas
  const { spec, release, number } = revision
  return roll(state, { spec: { ...spec, replicas }, release, cause: `undo to revision ${number}` }, now)
}

const previous = (state: ServiceState): Revision | undefined =>
  state.revisions.findLast(({ number, failure }) => number < state.target && failure === undefined)

const abandoned = (rollout: number, to: number): EventBody => ({
  type: 'RolloutFailed',
  rollout,
  failure: { code: 'Undone', message: `the rollout to revision ${to} was undone before it was complete` },
  rollingBack: true,
})

function restart(state: ServiceState, now: number): Answer {
  const refusal = busy(state, now) ?? held(state, 'restart')
  const current = revisionOf(state, state.target)
  if (refusal) return refusal
  if (!current) return refused(`"${state.name}" has no revision to restart`)
  return roll(state, { spec: current.spec, release: current.release, cause: 'restart' }, now)
}

function pause(state: ServiceState): Answer {
  const { name, paused, rollout } = state
  if (paused) return refused(`"${name}" is paused already`)
  if (rollout?.phase === 'rollingBack')
    return refused(`"${name}" is being rolled back: that cannot be paused`)
  return ok([{ type: 'RolloutPaused' }])
}

function scale({ name }: ServiceState, { replicas }: CommandOf<'Scale'>): Answer {
  return Number.isInteger(replicas) && replicas >= 0
    ? ok([{ type: 'ServiceScaled', replicas }])
    : failed('Usage', `"${name}" cannot have ${replicas} replicas: a whole number from 0 up was expected`)
}

/** One rollout at a time. A failed one may be replaced, and so may a rollback that gets nowhere. */
function busy(state: ServiceState, now: number): ReturnType<typeof failed> | null {
  const { name, rollout, paused, replicas } = state
  if (!rollout || rollout.phase === 'failed' || isRollbackStuck(state, now)) return null
  const available = countAvailable(state, setsOf(state).target, now)
  const done = `${available} of ${replicas} available`
  const message =
    rollout.phase === 'rollingBack'
      ? `"${name}" is being rolled back from revision ${rollout.to} to ${state.target}, with ${done}`
      : `"${name}" is being rolled to revision ${rollout.to}, with ${done}${paused ? ', and is paused' : ''}`
  return failed('RolloutInProgress', message)
}

/** Kubernetes refuses these for a paused deployment too: nothing of them would be seen before it is resumed. */
const held = ({ name, paused }: ServiceState, verb: string): ReturnType<typeof failed> | null =>
  paused ? refused(`"${name}" is paused: resume it before you ${verb} it`) : null

function roll(
  state: ServiceState,
  { spec, release, cause }: Pick<Revision, 'spec' | 'release' | 'cause'>,
  now: number,
): Answer {
  const number = state.nextRevision
  const found = state.instances.map(({ id, revision, pid, account }) => ({
    instance: id,
    revision,
    pid,
    ...(account && { account }),
  }))
  return ok([
    { type: 'RevisionCreated', revision: { number, spec, release, createdAt: now, cause } },
    { type: 'RolloutStarted', rollout: state.nextRollout, from: state.stable, to: number, cause, found },
  ])
}

const refused = (message: string): ReturnType<typeof failed> => failed('Refused', message)

const numbersOf = ({ revisions }: ServiceState): string => revisions.map(({ number }) => number).join(', ')
