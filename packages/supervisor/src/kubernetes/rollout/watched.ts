import type { Deployment, Kind, Kinds, Pod, ReplicaSet, Warning } from './objects.js'
import { annotations } from './objects.js'
import { isReady, restartsOf } from './pods.js'
import { sameTemplate } from './template.js'

/** One result of a list or a watch. */
export type Observation = { [K in Kind]: ObservationOf<K> }[Kind]
export type ObservationOf<K extends Kind> =
  { type: 'listed'; kind: K; items: Kinds[K][] } | { type: 'changed' | 'deleted'; kind: K; object: Kinds[K] }

/** A pod's last known state, and when its changes were observed: milliseconds by this machine's clock. */
export interface PodRecord {
  pod: Pod
  /** It existed when the watch started. */
  found: boolean
  seenAt: number
  readyAt: number | null
  terminatingAt: number | null
  goneAt: number | null
  /** Restarts of its containers before the watch started. */
  restartsBefore: number
}

/** Everything known about one Deployment: a fold of observations. */
export interface Watched {
  name: string
  /** Null before it is created and after it is deleted. */
  deployment: Deployment | null
  /** It existed at some time. */
  wasThere: boolean
  replicaSets: Record<string, ReplicaSet>
  pods: Record<string, PodRecord>
  warnings: Record<string, Warning>
  /** Kinds that have been listed. See `isListed`. */
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

/** Objects by uid. A list replaces all of them, a change updates one. */
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

/** Pods that are gone stay in the record: the receipt shows how they ended. */
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

/** Whether all required kinds have been listed. Warnings are optional, since the role may not allow reading them. */
export const isListed = ({ listed }: Watched): boolean =>
  listed.Deployment === true && listed.ReplicaSet === true && listed.Pod === true

/** The Deployment's own ReplicaSets, oldest revision first. */
export function replicaSetsOf({ deployment, replicaSets }: Watched): ReplicaSet[] {
  if (!deployment) return []
  return Object.values(replicaSets)
    .filter(({ metadata }) => metadata.ownerReferences?.some(({ uid }) => uid === deployment.metadata.uid))
    .sort((a, b) => revisionNumber(a) - revisionNumber(b))
}

/** Number of the revision. 0 if the deployment controller has not set it yet. */
export const revisionNumber = ({ metadata }: ReplicaSet | Deployment): number =>
  Number(metadata.annotations?.[annotations.revision] ?? 0)

/** The revision's number of each ReplicaSet, by uid. */
export const numbersOf = (watched: Watched): Record<string, number> =>
  Object.fromEntries(replicaSetsOf(watched).map((set) => [set.metadata.uid, revisionNumber(set)]))

/**
 * Restores earlier revision numbers. An undo renumbers the old ReplicaSet (3 becomes 5), but the receipt must show
 * its pods under the number at the start of the rollout.
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
 * The ReplicaSet of the Deployment's current template. Undefined until the deployment controller creates it.
 * Templates are compared as the controller does (EqualIgnoreHash), so the result is right even before it has seen the
 * change.
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

/** The Deployment's pods, including those that are gone. Newest revision first, and within it oldest pod first. */
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
