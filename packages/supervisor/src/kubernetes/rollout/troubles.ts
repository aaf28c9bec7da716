import { describeExit } from '../../model/index.js'
import { counted, seconds } from '../../model/text.js'
import type { Pod, ReplicaSet, Warning } from './objects.js'
import { conditionOf } from './objects.js'
import {
  containersOf,
  crashReasons,
  exitOf,
  imageReasons,
  isReady,
  lastCrash,
  startReasons,
  waitingFor,
} from './pods.js'
import type { OwnedPod, PodRecord, Watched } from './watched.js'
import { newReplicaSet, podsOf } from './watched.js'

/** One reason why the new revision is not available. */
export interface Trouble {
  type: 'quota' | 'unschedulable' | 'image' | 'start' | 'crash' | 'probe' | 'slow'
  message: string
  /** Null if the pod could not be created. */
  pod: { name: string; uid: string; container?: string; restarted?: boolean } | null
}

/** Troubles of the new revision, the most serious first: a failure names the first one. */
export function troublesOf(watched: Watched, now: number): Trouble[] {
  const target = newReplicaSet(watched)
  if (!target) return []
  const late = podsOf(watched).filter(
    ({ record, replicaSet }) =>
      replicaSet === target &&
      record.goneAt === null &&
      record.terminatingAt === null &&
      !isReady(record.pod),
  )
  const troubles = [...notCreated(watched, target), ...late.map((pod) => troubleOf(watched, pod, now))]
  return troubles.sort((a, b) => gravity.indexOf(a.type) - gravity.indexOf(b.type))
}

const gravity: Trouble['type'][] = ['crash', 'image', 'start', 'quota', 'unschedulable', 'probe', 'slow']

/** Pods that the API server refused: because of a quota, an admission hook or a missing service account. */
function notCreated(watched: Watched, set: ReplicaSet): Trouble[] {
  const failure = conditionOf(set.status?.conditions, 'ReplicaFailure')
  const refusal =
    failure?.status === 'True' ? failure.message : newestWarning(watched, set.metadata.uid, 'FailedCreate')
  const lacks = (set.status?.replicas ?? 0) < (set.spec.replicas ?? 0)
  if (refusal === undefined || !lacks) return []
  const quota = /exceeded quota/.test(refusal) ? ': a ResourceQuota is used up' : ''
  return [
    {
      type: 'quota',
      message: `ReplicaSet ${set.metadata.name} cannot create its pods${quota}: ${refusal}`,
      pod: null,
    },
  ]
}

function troubleOf(watched: Watched, owned: OwnedPod, now: number): Trouble {
  const { record, revision } = owned
  const { pod } = record
  const who = `pod ${pod.metadata.name} of revision ${revision}`
  const known = (type: Trouble['type'], message: string, more: Partial<Trouble['pod']> = {}): Trouble => ({
    type,
    message,
    pod: { name: pod.metadata.name, uid: pod.metadata.uid, ...more },
  })
  const scheduled = conditionOf(pod.status?.conditions, 'PodScheduled')
  if (scheduled?.status === 'False')
    return known('unschedulable', `${who} cannot be scheduled: ${scheduled.message ?? scheduled.reason}`)
  const image = waitingFor(pod, imageReasons)
  if (image)
    return known(
      'image',
      `${who} cannot get the image "${imageOf(pod, image.container.name)}" (${image.reason})${detail(pullError(watched, pod) ?? image.message)}`,
      { container: image.container.name },
    )
  const unstartable = waitingFor(pod, startReasons)
  if (unstartable)
    return known('start', `${who} cannot be started (${unstartable.reason})${detail(unstartable.message)}`, {
      container: unstartable.container.name,
    })
  const crash = crashOf(who, record)
  if (crash) return known('crash', crash.message, crash.where)
  const probe = newestWarning(watched, pod.metadata.uid, 'Unhealthy')
  const age = `${seconds(now - startOf(record))} after its start`
  if (probe !== undefined) return known('probe', `${who} is not ready, ${age}: ${probe}`)
  const mount = newestWarning(watched, pod.metadata.uid, 'FailedMount')
  return known('slow', `${who} is not ready yet, ${age}${mount === undefined ? '' : `: ${mount}`}`)
}

/** During the back-off, the reason is not in the status but in an event. */
const pullError = (watched: Watched, { metadata }: Pod): string | undefined =>
  newestWarning(watched, metadata.uid, 'Failed', /^Failed to pull/)

const detail = (message: string): string => (message === '' ? '' : `: ${message}`)

const imageOf = (pod: Pod, container: string): string =>
  pod.spec.containers.find(({ name }) => name === container)?.image ?? container

function crashOf(
  who: string,
  { pod }: PodRecord,
): { message: string; where: { container: string; restarted: boolean } } | null {
  const crash = lastCrash(pod)
  if (!crash) return null
  const { container, terminated } = crash
  const reason = terminated.reason === 'OOMKilled' ? ' (OOMKilled: its memory limit is too low)' : ''
  const restarts = container.restartCount ?? 0
  const again = restarts > 0 ? `, restarted ${counted(restarts, 'time')}` : ''
  const waits = waitingFor(pod, crashReasons) ? ' (CrashLoopBackOff)' : ''
  return {
    message: `${who} ${describeExit(exitOf(terminated))}${reason}${again}${waits}`,
    // After a restart, the output of the crash is in the log of the previous container.
    where: {
      container: container.name,
      restarted: container.state?.terminated === undefined && restarts > 0,
    },
  }
}

/** Milliseconds since the epoch: by the server's clock if the pod existed before the watch, else by this machine's. */
export const startOf = ({ pod, found, seenAt }: PodRecord): number =>
  found ? Date.parse(pod.metadata.creationTimestamp ?? '') || seenAt : seenAt

export function newestWarning(
  { warnings }: Watched,
  uid: string,
  reason: string,
  like = /./,
): string | undefined {
  const matching = Object.values(warnings).filter(
    (warning) =>
      warning.involvedObject.uid === uid && warning.reason === reason && like.test(warning.message ?? ''),
  )
  return matching.sort((a, b) => timeOf(a) - timeOf(b)).at(-1)?.message
}

const timeOf = ({ lastTimestamp, eventTime, metadata }: Warning): number =>
  Date.parse(lastTimestamp ?? eventTime ?? metadata.creationTimestamp ?? '') || 0

/** Number of restarts of the pod's containers since the watch started. */
export const newRestarts = ({ pod, restartsBefore }: PodRecord): number =>
  containersOf(pod).reduce((sum, { restartCount = 0 }) => sum + restartCount, 0) - restartsBefore
