import { describeExit } from '../../model/index.js'
import { counted } from '../../model/text.js'
import { containersOf, exitOf, lastCrash, restartsOf } from './pods.js'
import { troublesOf } from './troubles.js'
import type { OwnedPod, PodRecord, Watched } from './watched.js'
import { podsOf } from './watched.js'

/** A line for each difference: the log of a rollout where there is no terminal for the picture. */
export function changes(before: Watched, after: Watched, now: number): string[] {
  const troubles = troublesOf(after, now).filter(({ type }) => worthALine.has(type))
  const known = new Set(troublesOf(before, now).map(({ type, pod }) => `${type} ${pod?.uid}`))
  return [
    ...podsOf(after).flatMap((pod) => podChanges(before.pods[pod.record.pod.metadata.uid], pod)),
    ...troubles.filter(({ type, pod }) => !known.has(`${type} ${pod?.uid}`)).map(({ message }) => message),
  ]
}

/** The other types are mostly temporary: a booting pod fails its readiness probe once or twice. */
const worthALine = new Set(['image', 'start', 'quota', 'unschedulable'])

function podChanges(before: PodRecord | undefined, { record, revision }: OwnedPod): string[] {
  if (record === before || (!before && record.found)) return []
  const { name } = record.pod.metadata
  const became = (time: 'readyAt' | 'terminatingAt' | 'goneAt') =>
    record[time] !== null && (before?.[time] ?? null) === null
  const restarts = restartsOf(record.pod)
  return [
    ...(before ? [] : [`${name}: created, revision ${revision}`]),
    ...(became('readyAt') ? [`${name}: ready`] : []),
    ...(before && restarts > restartsOf(before.pod) ? [`${name}: ${restarted(record, restarts)}`] : []),
    ...(became('terminatingAt') && !became('goneAt') ? [`${name}: draining`] : []),
    ...(became('goneAt') ? [`${name}: ${ended(record)}`] : []),
  ]
}

function restarted({ pod }: PodRecord, restarts: number): string {
  const crash = lastCrash(pod)
  const end = crash ? `${describeExit(exitOf(crash.terminated))}, ` : ''
  return `${end}restarted ${counted(restarts, 'time')}`
}

function ended({ pod }: PodRecord): string {
  const terminated = containersOf(pod).flatMap(({ state }) => state?.terminated ?? [])[0]
  return terminated ? describeExit(exitOf(terminated)) : 'gone'
}
