import { setTimeout as later } from 'node:timers/promises'
import type { Deployment, Kind, Kinds, Observation } from '../rollout/index.js'
import { isPassing } from './failures.js'
import type { ApiFailure, Cluster, WatchEvent } from './ports.js'
import { collection, listKind } from './resources.js'

export interface FollowOrder {
  cluster: Cluster
  deployment: Deployment
  /** Ends the following. */
  signal: AbortSignal
  onObservation(observation: Observation): void
  /** Called when the server stops answering and when it answers again. */
  onNote(text: string): void
  /** Seconds without an answer after which following ends with a failure. */
  lostAfterSeconds: number
}

const kinds: Kind[] = ['Deployment', 'ReplicaSet', 'Pod', 'Event']

/**
 * Lists the Deployment, its ReplicaSets, pods and warnings, then watches them. After a watch that breaks, or whose
 * resourceVersion is too old for the server (410 Gone), it lists again. Resolves with null once `signal` is
 * aborted, and with the reason when it cannot continue.
 */
export async function follow(order: FollowOrder): Promise<ApiFailure | null> {
  const ended = new AbortController()
  const signal = AbortSignal.any([order.signal, ended.signal])
  const outcomes = kinds.map(async (kind) => {
    const failure = await followKind({ ...order, signal }, kind)
    // Events only add reasons: without the right to read them the rollout can still be followed.
    if (failure && kind === 'Event' && failure.code === 'Forbidden') {
      order.onNote(`events cannot be read, so some reasons stay unknown: ${failure.message}`)
      return null
    }
    if (failure) ended.abort()
    return failure
  })
  return (await Promise.all(outcomes)).find((failure) => failure !== null) ?? null
}

async function followKind(order: FollowOrder, kind: Kind): Promise<ApiFailure | null> {
  const { cluster, deployment, signal, onObservation } = order
  const patience = patienceOf(order, kind === 'Deployment')
  let version: string | null = null
  let refusals = 0
  while (!signal.aborted) {
    if (version === null) {
      const list = await listKind(cluster, kind, deployment)
      if (signal.aborted) return null
      if (!list.ok) {
        const failure = await patience.lost(list.failure)
        if (failure) return failure
        continue
      }
      patience.found()
      version = list.value.metadata.resourceVersion
      onObservation({ type: 'listed', kind, items: list.value.items } as Observation)
    }
    const watched = await watchKind(order, kind, version)
    version = watched.version
    refusals = watched.short && watched.failure && !isPassing(watched.failure) ? refusals + 1 : 0
    if (watched.failure && refusals >= mostRefusals) return watched.failure
    // Limits the rate of calls to a server that ends every watch at once.
    if (watched.short) await pause(shortPause, signal)
  }
  return null
}

/** Refusals of a watch in a row that are tolerated: right after its start a server does not know the roles yet. */
const mostRefusals = 8
const shortPause = 250

/** Watches from a version. Returns the version to continue from, or null if a new list is needed. */
async function watchKind(
  { cluster, deployment, signal, onObservation }: FollowOrder,
  kind: Kind,
  from: string,
): Promise<{ version: string | null; failure: ApiFailure | null; short: boolean }> {
  let version: string | null = from
  const begin = performance.now()
  const { query, ...call } = collection(kind, cluster.namespace, deployment)
  const onEvent = ({ type, object }: WatchEvent) => {
    if (type === 'ERROR') version = null // 410 Gone: the server does not keep this version any more
    const { metadata } = object as Kinds[Kind]
    if (version !== null && metadata?.resourceVersion !== undefined) version = metadata.resourceVersion
    if (type === 'ADDED' || type === 'MODIFIED')
      onObservation({ type: 'changed', kind, object } as Observation)
    if (type === 'DELETED') onObservation({ type: 'deleted', kind, object } as Observation)
  }
  const failure = await cluster.watch(
    { ...call, query: { ...query, resourceVersion: from, allowWatchBookmarks: 'true' } },
    onEvent,
    signal,
  )
  return { version: failure ? null : version, failure, short: performance.now() - begin < 1000 }
}

interface Patience {
  /** Waits before the next attempt; returns the failure before the first success, and after `lostAfterSeconds`. */
  lost(failure: ApiFailure): Promise<ApiFailure | null>
  found(): void
}

/**
 * A restarting API server first refuses connections, then answers 500 and 503, then 403 until it has read its
 * roles. So after a first success every failure counts as temporary until `lostAfterSeconds` have passed.
 */
function patienceOf({ lostAfterSeconds, onNote, signal, cluster }: FollowOrder, speaks: boolean): Patience {
  let known = false
  let since: number | null = null
  let wait = 100
  return {
    async lost(failure) {
      if (!known) return failure
      if (since === null && speaks) onNote(`${failure.message}; trying again for up to ${lostAfterSeconds} s`)
      since ??= performance.now()
      if (performance.now() - since > lostAfterSeconds * 1000) return failure
      await pause(wait, signal)
      wait = Math.min(wait * 2, 2000)
      return null
    },
    found() {
      if (since !== null && speaks) onNote(`${cluster.server} answers again`)
      known = true
      since = null
      wait = 100
    },
  }
}

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  later(ms, undefined, { signal }).catch(() => {})
