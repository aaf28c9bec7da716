import { setTimeout as later } from 'node:timers/promises'
import type { Client, KubernetesObject } from './client.js'

/** After a watch broke: the server is away, or was restarted. */
const retryMs = 100

export type Change = 'added' | 'changed' | 'deleted'

export interface FollowOptions {
  signal: AbortSignal
  /** Narrows the collection: `fieldSelector=…`, `labelSelector=…`. */
  query?: string
  /** Objects that are known already: only their changes are told. */
  known?: KubernetesObject[]
}

/**
 * Tells of every object of a collection and of each of its changes until `signal`, over breaks of the connection and
 * restarts of the server: what was missed meanwhile is told as it is found.
 */
export async function follow(
  client: Client,
  collection: string,
  onChange: (change: Change, object: KubernetesObject) => void,
  { signal, query = '', known: before = [] }: FollowOptions,
): Promise<void> {
  const known = new Map(before.map((object) => [object.metadata.uid ?? '', object]))
  while (!signal.aborted) {
    try {
      const list = await client.get(`${collection}?${query}`)
      reconcile(known, list['items'] as KubernetesObject[], onChange)
      await watch(client, `${collection}?${query}`, list.metadata.resourceVersion ?? '', signal, (event) => {
        const { uid = '' } = event.object.metadata
        if (event.type === 'DELETED') known.delete(uid)
        const change = event.type === 'DELETED' ? 'deleted' : known.has(uid) ? 'changed' : 'added'
        if (change !== 'deleted') known.set(uid, event.object)
        onChange(change, event.object)
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
  const name = path.slice(path.lastIndexOf('/') + 1)
  const first = await client.request('GET', path)
  let last = first.status === 404 ? null : first.body
  if (wanted(last)) return last
  const done = new AbortController()
  let deadline: NodeJS.Timeout | undefined
  const reached = new Promise<void>((resolve, reject) => {
    const look = (change: Change, object: KubernetesObject) => {
      last = change === 'deleted' ? null : object
      if (wanted(last)) resolve()
    }
    const query = `fieldSelector=metadata.name=${name}`
    const known = last === null ? [] : [last]
    follow(client, collection, look, { signal: done.signal, query, known }).catch(reject)
    deadline = setTimeout(() => {
      const status = JSON.stringify((last?.['status'] as unknown) ?? last)
      reject(new Error(`after ${seconds} s "${path}" is not as wanted; it is ${status}`))
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
