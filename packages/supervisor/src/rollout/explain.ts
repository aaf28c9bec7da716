import type { Instance, ServiceState } from '../model/index.js'
import {
  drainingFromBefore,
  isBlockedByDraining,
  isBlockedByRecreate,
  isRollbackStuck,
  progressDeadline,
} from './deadline.js'
import { availableAt, bootsAlone, mayAccept, needsReplacement, targetSpec } from './instances.js'
import { counted, listed, seconds } from '../model/text.js'
import { acceptingOf, afterStart, named, progressOf } from './sentences.js'

/** What the service waits for, in sentences. Empty if it waits for nothing. */
export function explain(state: ServiceState, now: number): string[] {
  if (state.stopped) return []
  if (state.stopping)
    return state.instances.map((instance) => drainSentence(instance, now) ?? '').filter(Boolean)
  return [
    ...rolloutSentences(state),
    ...aloneSentence(state),
    ...state.instances.flatMap((instance) => sentenceOf(state, instance, now) ?? []),
    ...deadlines(state, now),
    ...sharedSentences(state),
  ]
}

/** How instances without the library that have no sockets of their own are stopped: one sentence for each listener. */
function sharedSentences({ instances }: ServiceState): string[] {
  const sentences = instances.flatMap(({ shares = [] }) =>
    shares.map(
      ({ listener, reason }) =>
        `the instances share "${listener}" because ${reason}: they are told to stop at once, and must themselves finish what they have accepted`,
    ),
  )
  return [...new Set(sentences)]
}

/** The state of the rollout as a whole, and what blocks it. */
function rolloutSentences(state: ServiceState): string[] {
  const { rollout, paused, target } = state
  if (!rollout) return []
  const reason = rollout.failure?.message
  if (rollout.phase === 'failed')
    return [`${reason}; revision ${target} is retried until an upgrade replaces it`]
  if (paused) return [`the rollout to revision ${target} is paused until it is resumed`]
  const rollingBack = rollout.phase === 'rollingBack' ? [`rolling back to revision ${target}: ${reason}`] : []
  if (isBlockedByDraining(state)) {
    const draining = counted(drainingFromBefore(state).length, 'instance')
    const max = targetSpec(state)?.maxDraining
    return [
      `revision ${target} is not started yet: ${draining} still draining, wanted at most ${max} (maxDraining)`,
    ]
  }
  if (isBlockedByRecreate(state)) {
    const others = state.instances.filter(({ revision }) => revision !== target).map(({ id }) => id)
    const verb = others.length === 1 ? 'is' : 'are'
    return [
      ...rollingBack,
      `revision ${target} is started once ${listed(others)} ${verb} gone (strategy Recreate)`,
    ]
  }
  return rollingBack
}

function aloneSentence(state: ServiceState): string[] {
  const others = state.replicas - 1
  if (others < 1 || !bootsAlone(state)) return []
  const verb = others === 1 ? 'starts' : 'start'
  return [
    `${counted(others, 'other instance')} ${verb} once the first one is ready: it is not known yet what the application listens on`,
  ]
}

function sentenceOf(state: ServiceState, instance: Instance, now: number): string | null {
  switch (instance.state) {
    case 'draining':
      return isWaitedFor(state, instance) ? drainSentence(instance, now) : null
    case 'crashed':
      return `${instance.failure?.message ?? named(instance)}; it restarts in ${seconds(Math.max(0, instance.restartAt - now))}`
    case 'starting':
      return withClauses(
        `${named(instance)} is not ready yet, ${afterStart(instance, now)}`,
        progressOf(instance),
      )
    case 'unready': {
      const someReady = state.instances.some((other) => other.state === 'ready')
      const sentence = `${named(instance)} has not been ready for ${seconds(now - instance.since)}`
      return `${sentence}: ${instance.reason}; ${acceptingOf(instance, someReady)}`
    }
    case 'ready':
      return readySentence(state, instance, now)
  }
}

const withClauses = (sentence: string, clauses: string[]): string =>
  clauses.length === 0 ? sentence : `${sentence}: ${clauses.join('; ')}`

function readySentence(state: ServiceState, instance: Instance, now: number): string | null {
  if (needsReplacement(instance))
    return `${instance.failure?.message}; it is drained once its replacement is available`
  const available = availableAt(state, instance) ?? now
  return available > now
    ? `${named(instance)} is ready, and counts as available in ${seconds(available - now)} (minReadySeconds)`
    : null
}

/** Whether a draining instance delays something: it returns afterwards, or the rollout waits until it stops accepting. */
const isWaitedFor = (state: ServiceState, instance: Instance): boolean => {
  if (instance.state !== 'draining') return false
  if (instance.returns) return true
  return state.rollout !== null && instance.revision !== state.target && mayAccept(instance)
}

function drainSentence(instance: Instance, now: number): string | null {
  if (instance.state !== 'draining') return null
  const left = seconds(Math.max(0, instance.deadline - now))
  const end = instance.killed ? 'SIGKILL was sent' : `SIGKILL in ${left}`
  return `${named(instance)} is draining${instance.accepting ? ' and may still accept connections' : ''}: ${end}`
}

function deadlines(state: ServiceState, now: number): string[] {
  const deadline = progressDeadline(state, now)
  if (deadline !== null)
    return [`without progress the rollout fails in ${seconds(Math.max(0, deadline - now))}`]
  if (!isRollbackStuck(state, now)) return []
  const limit = seconds((targetSpec(state)?.progressDeadlineSeconds ?? 0) * 1000)
  return [
    `the rollback to revision ${state.target} made no progress for ${limit}: it is retried until an upgrade replaces it`,
  ]
}
