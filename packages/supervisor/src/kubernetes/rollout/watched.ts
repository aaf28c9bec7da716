import type { Deployment, Kind, Kinds, Pod, ReplicaSet, Warning } from './objects.js'
import { annotations } from './objects.js'
import { isReady, restartsOf } from './pods.js'
import { sameTemplate } from './template.js'

/** What a list or a watch told, in the order in which it was told. */
export type Observation = { [K in Kind]: ObservationOf<K> }[Kind]
export type ObservationOf<K extends Kind> =
  { type: 'listed'; kind: K; items: Kinds[K][] } | { type: 'changed' | 'deleted'; kind: K; object: Kinds[K] }

/** A pod as it was last seen, and when we saw what of it: milliseconds of our own clock. */
export interface PodRecord {
  pod: Pod
  /** It was there when the watching began. */
  found: boolean
  seenAt: number
  readyAt: number | null
  terminatingAt: number | null
  goneAt: number | null
  /** Restarts of its containers that are older than the watching. */
  restartsBefore: number
}

/** Everything that is known of one Deployment: a fold of observations. */
export interface Watched {
  name: string
  /** Null before it was there, and when it was deleted. */
  deployment: Deployment | null
  /** It was there at some time. */
  wasThere: boolean
  replicaSets: Record<string, ReplicaSet>
  pods: Record<string, PodRecord>
  warnings: Record<string, Warning>
  /** Which kinds have been listed: before all are, nothing can be judged. */
  listed: Partial<Record<Kind, true>>
}

export const nothingWatched = (name: string): Watched => ({
  name,
  deployment: null,
  wasThere: false,
  replicaSets: {},
  pods: {},
  warnings: {},
  listed: {},
})

export function observe(watched: Watched, observation: Observation, now: number): Watched {
  switch (observation.kind) {
    case 'Deployment':
      return observeDeployment(watched, observation)
    case 'ReplicaSet':
      return {
        ...watched,
        listed: { ...watched.listed, ReplicaSet: true },
        replicaSets: kept(watched.replicaSets, observation),
      }
    case 'Pod':
      return observePods(watched, observation, now)
    case 'Event':
      return {
        ...watched,
        listed: { ...watched.listed, Event: true },
        warnings: kept(watched.warnings, observation),
      }
  }
}

function observeDeployment(watched: Watched, observation: ObservationOf<'Deployment'>): Watched {
  const listed = { ...watched.listed, Deployment: true as const }
  const objects = observation.type === 'listed' ? observation.items : [observation.object]
  const deployment = objects.find(({ metadata }) => metadata.name === watched.name)
  if (!deployment) return observation.type === 'listed' ? { ...watched, listed, deployment: null } : watched
  return {
    ...watched,
    listed,
    wasThere: true,
    deployment: observation.type === 'deleted' ? null : deployment,
  }
}

/** By uid. A list replaces what was known: what is not in it any more is gone. */
function kept<K extends 'ReplicaSet' | 'Event'>(
  known: Record<string, Kinds[K]>,
  observation: ObservationOf<K>,
): Record<string, Kinds[K]> {
  if (observation.type === 'listed')
    return Object.fromEntries(observation.items.map((item) => [item.metadata.uid, item]))
  const { [observation.object.metadata.uid]: _, ...others } = known
  return observation.type === 'deleted'
    ? others
    : { ...others, [observation.object.metadata.uid]: observation.object }
}

/** Pods that are gone stay in the record: the receipt tells how they ended. */
function observePods(watched: Watched, observation: ObservationOf<'Pod'>, now: number): Watched {
  const listed = { ...watched.listed, Pod: true as const }
  const first = watched.listed.Pod === undefined
  const pods = { ...watched.pods }
  if (observation.type === 'listed') {
    const there = new Set(observation.items.map(({ metadata }) => metadata.uid))
    for (const [uid, record] of Object.entries(pods))
      if (!there.has(uid) && record.goneAt === null) pods[uid] = gone(record, now)
    for (const pod of observation.items)
      pods[pod.metadata.uid] = seen(pods[pod.metadata.uid], pod, first, now)
  } else {
    const { uid } = observation.object.metadata
    const record = seen(pods[uid], observation.object, first, now)
    pods[uid] = observation.type === 'deleted' ? gone(record, now) : record
  }
  return { ...watched, listed, pods }
}

function seen(known: PodRecord | undefined, pod: Pod, found: boolean, now: number): PodRecord {
  const record = known ?? {
    pod,
    found,
    seenAt: now,
    readyAt: null,
    terminatingAt: null,
    goneAt: null,
    restartsBefore: found ? restartsOf(pod) : 0,
  }
  return {
    ...record,
    pod,
    readyAt: record.readyAt ?? (isReady(pod) ? now : null),
    terminatingAt: record.terminatingAt ?? (pod.metadata.deletionTimestamp ? now : null),
  }
}

const gone = (record: PodRecord, now: number): PodRecord => ({
  ...record,
  terminatingAt: record.terminatingAt ?? now,
  goneAt: now,
})

/** Whether enough has been listed to say anything. Warnings are only for reasons, and may be forbidden to us. */
export const isListed = ({ listed }: Watched): boolean =>
  listed.Deployment === true && listed.ReplicaSet === true && listed.Pod === true

/** The Deployment's own ReplicaSets, oldest revision first. */
export function replicaSetsOf({ deployment, replicaSets }: Watched): ReplicaSet[] {
  if (!deployment) return []
  return Object.values(replicaSets)
    .filter(({ metadata }) => metadata.ownerReferences?.some(({ uid }) => uid === deployment.metadata.uid))
    .sort((a, b) => revisionNumber(a) - revisionNumber(b))
}

/** 0 for one that the deployment controller has not numbered yet. */
export const revisionNumber = ({ metadata }: ReplicaSet | Deployment): number =>
  Number(metadata.annotations?.[annotations.revision] ?? 0)

/** The revision's number of each ReplicaSet, by uid. */
export const numbersOf = (watched: Watched): Record<string, number> =>
  Object.fromEntries(replicaSetsOf(watched).map((set) => [set.metadata.uid, revisionNumber(set)]))

/**
 * As it was numbered then. An undo gives the old ReplicaSet a new number (3 becomes 5): its pods are still those
 * that the rollout found at revision 3.
 */
export const numbered = (watched: Watched, numbers: Record<string, number>): Watched => ({
  ...watched,
  replicaSets: Object.fromEntries(
    Object.entries(watched.replicaSets).map(([uid, set]) => {
      const number = numbers[uid]
      return [uid, number ? withNumber(set, number) : set]
    }),
  ),
})

const withNumber = ({ metadata, ...set }: ReplicaSet, number: number): ReplicaSet => ({
  ...set,
  metadata: { ...metadata, annotations: { ...metadata.annotations, [annotations.revision]: String(number) } },
})

/**
 * The ReplicaSet of the Deployment's present template; undefined while the deployment controller has not made it.
 * Compared as the controller does (EqualIgnoreHash), so that it is right before the controller has looked, too.
 */
export const newReplicaSet = (watched: Watched): ReplicaSet | undefined => {
  const { deployment } = watched
  return deployment
    ? replicaSetsOf(watched).find(({ spec }) => sameTemplate(spec.template, deployment.spec.template))
    : undefined
}

/** A pod of the Deployment, with the ReplicaSet that made it. */
export interface OwnedPod {
  record: PodRecord
  replicaSet: ReplicaSet
  revision: number
}

/** The Deployment's pods, newest revision first, in it the oldest pod first; those that are gone too. */
export function podsOf(watched: Watched): OwnedPod[] {
  const sets = new Map(replicaSetsOf(watched).map((set) => [set.metadata.uid, set]))
  return Object.values(watched.pods)
    .flatMap((record) => {
      const owner = record.pod.metadata.ownerReferences?.find(({ uid }) => sets.has(uid))
      const replicaSet = owner && sets.get(owner.uid)
      return replicaSet ? { record, replicaSet, revision: revisionNumber(replicaSet) } : []
    })
    .sort((a, b) => b.revision - a.revision || a.record.seenAt - b.record.seenAt || byName(a, b))
}

const byName = (a: OwnedPod, b: OwnedPod): number =>
  a.record.pod.metadata.name < b.record.pod.metadata.name ? -1 : 1

export const livingPods = (watched: Watched): OwnedPod[] =>
  podsOf(watched).filter(({ record }) => record.goneAt === null)
