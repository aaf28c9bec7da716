import { setTimeout as later } from 'node:timers/promises'
import type { Client, KubernetesObject } from './client.js'

/** After a watch broke: the server is away, or was restarted. */
const retryMs = 100

export type Change = 'added' | 'changed' | 'deleted'

export interface FollowOptions {
  signal: AbortSignal
  /** Narrows the collection: `fieldSelector=…`, `labelSelector=…`. */
  query?: string
  /** Told everything that is there, after the first look and after each change. */
  onKnown?: (objects: KubernetesObject[]) => void
}

/**
 * Tells of every object of a collection and of each of its changes until `signal`, over breaks of the connection and
 * restarts of the server: what was missed meanwhile is told as it is found.
 */
export async function follow(
  client: Client,
  collection: string,
  onChange: (change: Change, object: KubernetesObject) => void,
  { signal, query = '', onKnown }: FollowOptions,
): Promise<void> {
  const known = new Map<string, KubernetesObject>()
  while (!signal.aborted) {
    try {
      const list = await client.get(`${collection}?${query}`)
      reconcile(known, list['items'] as KubernetesObject[], onChange)
      onKnown?.([...known.values()])
      await watch(client, `${collection}?${query}`, list.metadata.resourceVersion ?? '', signal, (event) => {
        const { uid = '' } = event.object.metadata
        if (event.type === 'DELETED') known.delete(uid)
        const change = event.type === 'DELETED' ? 'deleted' : known.has(uid) ? 'changed' : 'added'
        if (change !== 'deleted') known.set(uid, event.object)
        onChange(change, event.object)
        onKnown?.([...known.values()])
      })
    } catch (error) {
      if (signal.aborted) return
      if (!(error instanceof Error)) throw error
    }
    await later(retryMs, undefined, { signal }).catch(() => {})
  }
}

interface WatchEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'
  object: KubernetesObject
}

/** From the version on, until the server ends it (it does so every few minutes) or has forgotten the version. */
async function watch(
  client: Client,
  path: string,
  version: string,
  signal: AbortSignal,
  onEvent: (event: WatchEvent) => void,
): Promise<void> {
  for await (const line of client.lines(`${path}&watch=1&resourceVersion=${version}`, signal)) {
    const event = JSON.parse(line) as WatchEvent
    if (event.type === 'ERROR' || event.object.kind === 'Status') return
    onEvent(event)
  }
}

function reconcile(
  known: Map<string, KubernetesObject>,
  items: KubernetesObject[],
  onChange: (change: Change, object: KubernetesObject) => void,
): void {
  const found = new Set(items.map(({ metadata }) => metadata.uid ?? ''))
  for (const [uid, object] of known) {
    if (found.has(uid)) continue
    known.delete(uid)
    onChange('deleted', object)
  }
  for (const item of items) {
    const before = known.get(item.metadata.uid ?? '')
    if (before?.metadata.resourceVersion === item.metadata.resourceVersion) continue
    known.set(item.metadata.uid ?? '', item)
    onChange(before ? 'changed' : 'added', item)
  }
}

/**
 * Until the object at `path` is as wanted; null says that it is not there. Looks at every change that the server
 * tells. Throws after `seconds` (default 60) with how it was last.
 */
export async function until(
  client: Client,
  path: string,
  wanted: (object: KubernetesObject | null) => boolean,
  seconds = 60,
): Promise<KubernetesObject | null> {
  const collection = path.slice(0, path.lastIndexOf('/'))
  const query = `fieldSelector=metadata.name=${path.slice(path.lastIndexOf('/') + 1)}`
  const found = await untilAll(client, collection, ([object = null]) => wanted(object), { query, seconds })
  return found[0] ?? null
}

/** Until the objects of a collection, as they are at one time, are as wanted. */
export async function untilAll(
  client: Client,
  collection: string,
  wanted: (objects: KubernetesObject[]) => boolean,
  { query = '', seconds = 60 }: { query?: string; seconds?: number } = {},
): Promise<KubernetesObject[]> {
  const done = new AbortController()
  let last: KubernetesObject[] = []
  let deadline: NodeJS.Timeout | undefined
  const reached = new Promise<void>((resolve, reject) => {
    const onKnown = (objects: KubernetesObject[]) => {
      last = objects
      if (wanted(objects)) resolve()
    }
    follow(client, collection, () => {}, { signal: done.signal, query, onKnown }).catch(reject)
    deadline = setTimeout(() => {
      const statuses = last.map(({ metadata, status }) => `${metadata.name}: ${JSON.stringify(status)}`)
      const found = statuses.join('; ') || 'nothing there'
      reject(new Error(`after ${seconds} s "${collection}?${query}" is not as wanted: ${found}`))
    }, seconds * 1000)
  })
  try {
    await reached
    return last
  } finally {
    clearTimeout(deadline)
    done.abort()
  }
}
