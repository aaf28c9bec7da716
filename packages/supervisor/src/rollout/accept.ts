import type { Command, EventBody, Result, Revision, ServiceState } from '../model/index.js'
import { failed, ok } from '../model/index.js'
import { isRollbackStuck } from './deadline.js'
import { countAvailable, revisionOf, setsOf } from './instances.js'

type CommandOf<T extends Command['type']> = Extract<Command, { type: T }>
type Answer = Result<EventBody[]>

/**
 * Turns a command into the events that carry it out. Fails with `Refused` if the service is in no state for it,
 * with `RolloutInProgress` during another rollout, and with `Usage` if the command itself is invalid.
 */
export function accept(state: ServiceState, command: Command, now: number): Answer {
  const { name } = state
  if (state.stopping && !state.stopped)
    return refused(
      command.type === 'Stop'
        ? `"${name}" is already stopping`
        : `"${name}" is stopping: try again when it has stopped`,
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

/** Works on a paused service too, as in Kubernetes: the revision is created, and rolls out on resume. */
function upgrade(state: ServiceState, { revision, cause }: CommandOf<'Upgrade'>, now: number): Answer {
  return refuseDuringRollout(state, now) ?? startRollout(state, { ...revision, cause }, now)
}

/**
 * Without a number: back to the newest revision before the current one whose rollout did not fail. During a
 * rollout: rolls that rollout back.
 */
function undo(state: ServiceState, { toRevision }: CommandOf<'Undo'>, now: number): Answer {
  const { name, rollout, target } = state
  if (
    rollout?.phase === 'progressing' &&
    rollout.from !== null &&
    (toRevision ?? rollout.from) === rollout.from
  )
    return ok([undone(rollout.number, rollout.to)])
  const refusal = refuseDuringRollout(state, now) ?? refuseWhilePaused(state, 'undo')
  if (refusal) return refusal
  if (toRevision === target) return refused(`"${name}" already runs revision ${target}`)
  const revision = toRevision === null ? previousRevision(state) : revisionOf(state, toRevision)
  if (!revision)
    return toRevision === null
      ? refused(`"${name}" has no revision before ${target} to go back to`)
      : failed('Usage', `"${name}" has no revision ${toRevision}, wanted one of ${numbersOf(state)}`)
  // The number of replicas is not undone: undoing a bad release must not change capacity (as in Kubernetes).
  const replicas = revisionOf(state, target)?.spec.replicas ?? revision.spec.replicas
  const { spec, release, number } = revision
  const cause = `undo to revision ${number}`
  return startRollout(state, { spec: { ...spec, replicas }, release, cause }, now)
}

const previousRevision = (state: ServiceState): Revision | undefined =>
  state.revisions.findLast(({ number, failure }) => number < state.target && failure === undefined)

const undone = (rollout: number, to: number): EventBody => ({
  type: 'RolloutFailed',
  rollout,
  failure: { code: 'Undone', message: `the rollout to revision ${to} was undone before it was complete` },
  rollingBack: true,
})

function restart(state: ServiceState, now: number): Answer {
  const refusal = refuseDuringRollout(state, now) ?? refuseWhilePaused(state, 'restart')
  const current = revisionOf(state, state.target)
  if (refusal) return refusal
  if (!current) return refused(`"${state.name}" has no revision to restart`)
  return startRollout(state, { spec: current.spec, release: current.release, cause: 'restart' }, now)
}

function pause(state: ServiceState): Answer {
  const { name, paused, rollout } = state
  if (paused) return refused(`"${name}" is already paused`)
  if (rollout?.phase === 'rollingBack')
    return refused(`"${name}" is rolling back, and a rollback cannot be paused`)
  return ok([{ type: 'RolloutPaused' }])
}

function scale({ name }: ServiceState, { replicas }: CommandOf<'Scale'>): Answer {
  return Number.isInteger(replicas) && replicas >= 0
    ? ok([{ type: 'ServiceScaled', replicas }])
    : failed('Usage', `"${name}" cannot have ${replicas} replicas, wanted a whole number of at least 0`)
}

/** One rollout at a time. An upgrade may replace a failed rollout, and a rollback that makes no progress. */
function refuseDuringRollout(state: ServiceState, now: number): ReturnType<typeof failed> | null {
  const { name, rollout, paused, replicas } = state
  if (!rollout || rollout.phase === 'failed' || isRollbackStuck(state, now)) return null
  const available = countAvailable(state, setsOf(state).target, now)
  const progress = `${available} of ${replicas} instances available`
  const message =
    rollout.phase === 'rollingBack'
      ? `"${name}" is rolling back from revision ${rollout.to} to ${state.target}: ${progress}`
      : `"${name}" is rolling out revision ${rollout.to}: ${progress}${paused ? ', paused' : ''}`
  return failed('RolloutInProgress', message)
}

/** Kubernetes too refuses these for a paused Deployment: they would have no visible effect until it is resumed. */
const refuseWhilePaused = ({ name, paused }: ServiceState, verb: string): ReturnType<typeof failed> | null =>
  paused ? refused(`"${name}" is paused: resume it before you ${verb} it`) : null

function startRollout(
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
