import type { Cluster } from 'node:cluster'
import { withoutServiceManager, type Announcer } from './announcer.js'
import type { InstanceMessage } from '../protocol/messages.js'

/** Sent by a node:cluster worker. Node emits no 'message' event for a `cmd` with the prefix `NODE_`. */
interface WorkerMessage {
  cmd: 'NODE_HANDOVER'
  message: InstanceMessage
}

/** Loads node:cluster only if there is an IPC channel: other processes need not pay for it. */
export function isClusterWorker(): boolean {
  return (
    process.channel !== undefined && (process.getBuiltinModule('node:cluster') as unknown as Cluster).isWorker
  )
}

/** Reports to the cluster primary, which reports for the whole instance. */
export function primaryAnnouncer(): Announcer {
  let last: Promise<void> = Promise.resolve()
  return {
    ...withoutServiceManager,
    say: (message) => {
      if (!process.connected) return
      const wrapped: WorkerMessage = { cmd: 'NODE_HANDOVER', message }
      last = new Promise((resolve) => process.send?.(wrapped, undefined, undefined, () => resolve()))
    },
    flush: () => last,
    close: () => {},
  }
}

/** Null if the primary has received something else. */
export function parseWorkerMessage(received: unknown): InstanceMessage | null {
  const message = received as Partial<WorkerMessage> | null
  return message?.cmd === 'NODE_HANDOVER' ? (message.message ?? null) : null
}
