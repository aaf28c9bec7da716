import type { Cluster } from 'node:cluster'
import { silent, type Announcer } from './announcer.js'
import type { InstanceMessage } from '../protocol/messages.js'

/** Sent by a node:cluster worker. Node keeps messages with this prefix from the application's 'message' events. */
interface WorkerMessage {
  cmd: 'NODE_HANDOVER'
  message: InstanceMessage
}

/** The module is asked for only where there is an IPC channel, so that nobody else pays for loading it. */
export function isClusterWorker(): boolean {
  return (
    process.channel !== undefined && (process.getBuiltinModule('node:cluster') as unknown as Cluster).isWorker
  )
}

/** A worker reports to its primary, which speaks for the whole instance. */
export function toPrimary(): Announcer {
  let last: Promise<void> = Promise.resolve()
  return {
    ...silent,
    say: (message) => {
      if (!process.connected) return
      const wrapped: WorkerMessage = { cmd: 'NODE_HANDOVER', message }
      last = new Promise((resolve) => process.send?.(wrapped, undefined, undefined, () => resolve()))
    },
    flush: () => last,
    close: () => {},
  }
}

export function fromWorker(received: unknown): InstanceMessage | null {
  const message = received as Partial<WorkerMessage> | null
  return message?.cmd === 'NODE_HANDOVER' ? (message.message ?? null) : null
}
