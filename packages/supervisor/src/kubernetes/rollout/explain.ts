import { counted, listed, seconds } from '../../model/text.js'
import type { Deployment } from './objects.js'
import { conditionOf } from './objects.js'
import { isReady } from './pods.js'
import { isComplete, isObserved } from './judge.js'
import { troublesOf } from './troubles.js'
import type { OwnedPod, Watched } from './watched.js'
import { livingPods, newReplicaSet } from './watched.js'

/** Sentences that say why the Deployment is not complete yet. Empty if it is complete. */
export function explainDeployment(watched: Watched, now: number): string[] {
  const { deployment } = watched
  if (!deployment) return [`there is no Deployment "${watched.name}"`]
  if (deployment.spec.paused)
    return isWaiting(watched, deployment) ? ['it is paused: the rollout continues when it is resumed'] : []
  if (!isObserved(deployment)) return ['the deployment controller has not seen the change yet']
  if (isComplete(deployment)) return []
  return [
    ...troublesOf(watched, now).map(({ message }) => message),
    ...soonAvailable(watched, deployment),
    ...leaving(watched, now),
    ...deadline(deployment, now),
  ]
}

/** A paused Deployment waits only if there is something to roll out. */
const isWaiting = (watched: Watched, deployment: Deployment): boolean =>
  newReplicaSet(watched) === undefined || !isComplete(deployment)

function soonAvailable(watched: Watched, { spec, status }: Deployment): string[] {
  const ready = livingPods(watched).filter(
    ({ record, replicaSet }) => replicaSet === newReplicaSet(watched) && isReady(record.pod),
  )
  const { minReadySeconds = 0 } = spec
  if (minReadySeconds === 0 || ready.length <= (status?.availableReplicas ?? 0)) return []
  const names = listed(ready.map(({ record }) => record.pod.metadata.name))
  return [`${names} count as available once ready for ${seconds(minReadySeconds * 1000)} (minReadySeconds)`]
}

/** Terminating pods. */
function leaving(watched: Watched, now: number): string[] {
  const pods = livingPods(watched).filter(({ record }) => record.terminatingAt !== null)
  return pods.length === 0
    ? []
    : [`${counted(pods.length, 'pod')} terminating: ${listed(pods.map((pod) => left(pod, now)))}`]
}

function left({ record }: OwnedPod, now: number): string {
  const { name, deletionGracePeriodSeconds: grace = 0 } = record.pod.metadata
  const remaining = grace * 1000 - (now - (record.terminatingAt ?? now))
  return `${name} (SIGKILL in ${seconds(Math.max(0, remaining))})`
}

function deadline({ spec, status }: Deployment, now: number): string[] {
  const condition = conditionOf(status?.conditions, 'Progressing')
  const limit = (spec.progressDeadlineSeconds ?? 600) * 1000
  if (condition?.reason === 'ProgressDeadlineExceeded')
    return [`no progress for ${seconds(limit)}: the rollout has failed (ProgressDeadlineExceeded)`]
  const since = Date.parse(condition?.lastUpdateTime ?? '')
  return Number.isNaN(since)
    ? []
    : [`without progress the rollout fails in ${seconds(Math.max(0, since + limit - now))}`]
}
