import type { Client } from '../client.js'
import { now } from './types.js'
import type { PodObject } from './types.js'

/** Writes what happens to a pod as Events, where `kubectl describe` finds it. One that comes again is counted. */
export interface Recorder {
  record(
    pod: PodObject,
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
    container?: string,
  ): void
}

export function openRecorder(client: Client, node: string): Recorder {
  const seen = new Map<string, { path: string; count: number }>()
  let number = 0
  // One after the other: a count must not overtake the event that it counts.
  let last = Promise.resolve()
  return {
    record({ metadata }, type, reason, message, container) {
      const { namespace = 'default', name, uid } = metadata
      const key = [uid, container, reason, message].join('\n')
      const collection = `/api/v1/namespaces/${namespace}/events`
      const write = async () => {
        const before = seen.get(key)
        if (before) {
          before.count++
          await client.request(
            'PATCH',
            before.path,
            { count: before.count, lastTimestamp: now() },
            mergePatch,
          )
          return
        }
        const event = {
          metadata: { name: `${name}.${Date.now().toString(16)}${(++number).toString(16)}`, namespace },
          involvedObject: {
            ...{ apiVersion: 'v1', kind: 'Pod', namespace, name, uid },
            ...(container === undefined ? {} : { fieldPath: `spec.containers{${container}}` }),
          },
          ...{ type, reason, message, count: 1, firstTimestamp: now(), lastTimestamp: now() },
          source: { component: 'kubelet', host: node },
        }
        seen.set(key, { path: `${collection}/${event.metadata.name}`, count: 1 })
        await client.request('POST', collection, event)
      }
      // Events are for people: one that the server did not take is no reason to stop.
      last = last.then(write).catch(() => {})
    },
  }
}

const mergePatch = 'application/merge-patch+json'
