import type { Failure } from '../../model/index.js'
import { counted, listed, seconds } from '../../model/text.js'
import type { Condition, Deployment } from './objects.js'
import { conditionOf } from './objects.js'
import { crashReasons, waitingFor } from './pods.js'
import { sameTemplate } from './template.js'
import type { Trouble } from './troubles.js'
import { newRestarts, troublesOf } from './troubles.js'
import type { OwnedPod, Watched } from './watched.js'
import { isListed, livingPods, newReplicaSet } from './watched.js'

/** The goal of a rollout, and when it counts as failed. */
export interface Aim {
  /** The Deployment from the server's answer to the change. */
  deployment: Deployment
  /** Milliseconds since the epoch. */
  startedAt: number
  /** Fail at once for problems that may resolve themselves: a missing image, node, quota or ConfigMap. */
  failFast: boolean
  /** The Progressing condition before this rollout. An equal one still describes the previous rollout. */
  before: Condition | undefined
}

export type Verdict =
  { type: 'waiting' } | { type: 'complete' } | { type: 'failed'; failure: Failure; trouble: Trouble | null }

/**
 * Decides whether the rollout has ended. It is complete by the rules of `kubectl rollout status`. It has failed if the
 * deployment controller says so (ProgressDeadlineExceeded) or in a crash loop. A paused Deployment never fails. If
 * another client replaces the template, the rollout fails with `Superseded` and is not undone.
 */
export function judge(watched: Watched, aim: Aim, now: number): Verdict {
  const { deployment, name, wasThere } = watched
  // A Deployment that was just created may not be in the watch yet.
  if (!isListed(watched) || (!deployment && !wasThere)) return waiting
  if (!deployment)
    return ended({ code: 'Superseded', message: `Deployment "${name}" was deleted during the rollout` })
  if (isStale(deployment, aim)) return waiting
  if (!sameTemplate(deployment.spec.template, aim.deployment.spec.template))
    return ended({
      code: 'Superseded',
      message: `the pod template of Deployment "${watched.name}" was changed during the rollout: another client started a rollout`,
    })
  if (deployment.spec.paused || !isObserved(deployment)) return waiting
  if (isComplete(deployment)) return { type: 'complete' }
  return (
    crashLoop(watched, now) ?? deadline(watched, deployment, aim, now) ?? fast(watched, aim, now) ?? waiting
  )
}

const waiting: Verdict = { type: 'waiting' }
const ended = (failure: Failure, trouble: Trouble | null = null): Verdict => ({
  type: 'failed',
  failure,
  trouble,
})

/** A list from the watch cache may be older than the answer to the change. */
const isStale = ({ metadata }: Deployment, { deployment }: Aim): boolean =>
  (metadata.generation ?? 0) < (deployment.metadata.generation ?? 0)

/** Until then, the status describes an earlier template. */
export const isObserved = ({ metadata, status }: Deployment): boolean =>
  (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0)

/** The three conditions of kubectl (pkg/polymorphichelpers/rollout_status.go). */
export function isComplete({ spec, status }: Deployment): boolean {
  const { replicas = 0, updatedReplicas = 0, availableReplicas = 0 } = status ?? {}
  return (
    updatedReplicas >= (spec.replicas ?? 1) &&
    replicas <= updatedReplicas &&
    availableReplicas >= updatedReplicas
  )
}

/**
 * A container of a new pod is in a crash loop if it was restarted three times in this rollout, or is in back-off for
 * the second time. The kubelet's back-off is 10 s, then 20 s. So a pod that exits at once fails after a little over
 * 10 s. A single crash is tolerated: a database, for example, may not be up yet.
 */
export const crashLoopAfter = { restarts: 3, restartsInBackOff: 2 } as const

function crashLoop(watched: Watched, now: number): Verdict | null {
  const looping = targetPods(watched).filter(isLooping)
  if (looping.length === 0) return null
  const names = new Set(looping.map(({ record }) => record.pod.metadata.uid))
  const trouble = troublesOf(watched, now).find(
    ({ type, pod }) => type === 'crash' && pod && names.has(pod.uid),
  )
  // Between two crashes, the pod may be ready for a moment and have no trouble. Then a later call decides.
  return trouble ? ended({ code: 'Crashed', message: `${trouble.message}: a crash loop` }, trouble) : null
}

const isLooping = ({ record }: OwnedPod): boolean => {
  const restarts = newRestarts(record)
  if (restarts >= crashLoopAfter.restarts) return true
  return restarts >= crashLoopAfter.restartsInBackOff && waitingFor(record.pod, crashReasons) !== null
}

const targetPods = (watched: Watched): OwnedPod[] => {
  const target = newReplicaSet(watched)
  return livingPods(watched).filter(
    ({ replicaSet, record }) => replicaSet === target && record.terminatingAt === null,
  )
}

function deadline(watched: Watched, deployment: Deployment, aim: Aim, now: number): Verdict | null {
  const { progressDeadlineSeconds: limit = 600 } = deployment.spec
  const condition = conditionOf(deployment.status?.conditions, 'Progressing')
  if (condition?.reason !== 'ProgressDeadlineExceeded') return null
  // The controller keeps the condition of a failed rollout until the next one makes progress.
  if (isSame(condition, aim.before) && now < aim.startedAt + limit * 1000) return null
  const troubles = troublesOf(watched, now)
  const { availableReplicas = 0, updatedReplicas = 0 } = deployment.status ?? {}
  const ready = Math.min(availableReplicas, updatedReplicas)
  const message = [
    `no progress for ${seconds(limit * 1000)} (ProgressDeadlineExceeded): `,
    `${counted(updatedReplicas, 'new pod')} of ${deployment.spec.replicas ?? 1}`,
    ready < updatedReplicas || troubles.length > 0
      ? `, ${listed(troubles.map(({ message: text }) => text)) || 'not all available'}`
      : '',
  ].join('')
  return ended({ code: 'ProgressDeadlineExceeded', message }, troubles[0] ?? null)
}

const isSame = (a: Condition, b: Condition | undefined): boolean =>
  b !== undefined && a.reason === b.reason && a.lastUpdateTime === b.lastUpdateTime

const certain: ReadonlySet<Trouble['type']> = new Set(['image', 'start', 'quota', 'unschedulable'])

function fast(watched: Watched, { failFast }: Aim, now: number): Verdict | null {
  const trouble = failFast ? troublesOf(watched, now).find(({ type }) => certain.has(type)) : undefined
  return trouble ? ended({ code: 'CannotStart', message: trouble.message }, trouble) : null
}
