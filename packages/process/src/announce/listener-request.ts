import type { ListenerAddress, SupervisorMessage } from '../protocol/messages.js'
import { loadKoffi } from '../system/koffi.js'
import { request } from '../system/unix-request.js'

/**
 * Asks the supervisor for a listener of the service on an address that is in use. The process waits for the answer. Null
 * if there is none: also without koffi, without a supervisor, or with one of an earlier version.
 */
export function requestListener(
  channel: string,
  address: ListenerAddress,
): { name: string; fd: number } | null {
  const koffi = loadKoffi()
  const answer =
    koffi === null ? null : request(koffi, channel, JSON.stringify({ type: 'listener', address }), patienceMs)
  const message = answer === null ? null : parse(answer.line)
  const fd = answer?.fds[0]
  if (message?.type !== 'listener' || message.name === undefined || fd === undefined) return null
  return { name: message.name, fd }
}

function parse(line: string): SupervisorMessage | null {
  try {
    return JSON.parse(line) as SupervisorMessage
  } catch {
    return null
  }
}

/** A supervisor answers within milliseconds. One that was stopped must not stop the application. */
const patienceMs = 2000
