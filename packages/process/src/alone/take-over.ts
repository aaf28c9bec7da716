import fs from 'node:fs'
import type { PassedListener } from '../listeners/passed-listeners.js'
import type { Environment } from '../protocol/environment.js'
import { HandoverError } from '../protocol/errors.js'
import { asideOf } from '../listeners/unix-path.js'
import { parseOffer, type Offer } from '../protocol/takeover.js'
import { descriptorCalls } from '../system/descriptors.js'
import { errorName } from '#shared/errno.js'
import { loadKoffi, type Koffi } from '../system/koffi.js'
import { isTrusted, peerOf } from '../system/peer.js'
import { AF_UNIX, POLLIN, SOCK_CLOEXEC, SOCK_STREAM } from '#shared/socket-constants.js'
import { checkUnixName, namedUnixAddress } from '#shared/socket-address.js'
import type { AloneSettings } from './options.js'

/** What a process that serves at `takeover` has passed to this one. Also a part of contract.ts. */
export interface TakenOver {
  listeners: PassedListener[]
  /** Path of the socket at which the predecessor waits for `ready`. */
  predecessor: string
  /** Open until this process has taken over. */
  connection: number
}

/**
 * Takes over from the process that serves at the `takeover` path. Returns null if no process serves there, or if a
 * supervisor is in charge.
 *
 * @throws HandoverError `ERR_HANDOVER_TAKEOVER` when koffi is missing, or the process does not pass its listeners
 */
export function takeOver({ takeover }: AloneSettings, environment: Environment): TakenOver | null {
  const { HANDOVER_PREDECESSOR, HANDOVER_SOCKET } = environment
  if (takeover === null || HANDOVER_SOCKET !== undefined) return null
  const koffi = loadKoffi()
  if (koffi === null) {
    throw new HandoverError(
      'ERR_HANDOVER_TAKEOVER',
      `takeover is "${takeover}", which needs the package koffi: Node can neither pass descriptors nor ask who the peer is`,
    )
  }
  const takenOver = HANDOVER_PREDECESSOR === undefined ? requestListeners(koffi, takeover) : null
  if (takenOver !== null) environment.HANDOVER_PREDECESSOR = takenOver.predecessor
  return takenOver
}

/** Blocks the event loop, so that the application has its listeners without waiting for them. */
function requestListeners(koffi: Koffi, path: string): TakenOver | null {
  const wrong = checkUnixName('the path', path) ?? checkUnixName('the path', asideOf(path))
  if (wrong !== null) throw failure(path, wrong)
  const fd = openSocket(koffi, path)
  try {
    if (!connect(koffi, fd, path)) return close(fd)
    fs.writeSync(fd, '{"version":1}\n')
    const { fds, offer } = receiveOffer(koffi, fd, path)
    const listeners = offer.names.map((name, index) => ({ name, fd: fds[index] ?? -1 }))
    if (listeners.some((listener) => listener.fd < 0))
      throw failure(path, `${fds.length} descriptors came for ${offer.names.length} listeners`)
    return { listeners, predecessor: offer.predecessor, connection: fd }
  } catch (error) {
    close(fd)
    throw error
  }
}

function openSocket(koffi: Koffi, path: string): number {
  const socket = koffi.load(null).func('int socket(int, int, int)')
  const fd = Number(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0))
  if (fd < 0) throw failure(path, `socket failed with ${errorName(koffi.errno())}`)
  return fd
}

/** Returns false if no process listens there. */
function connect(koffi: Koffi, fd: number, path: string): boolean {
  const address = namedUnixAddress(path)
  const connect = koffi.load(null).func('int connect(int, const void *, unsigned int)')
  if (Number(connect(fd, address, address.length)) < 0) {
    const error = errorName(koffi.errno())
    if (error === 'ENOENT' || error === 'ECONNREFUSED') return false
    const hint = error === 'EACCES' ? ', only the user who serves there and root may connect' : ''
    throw failure(path, `connect failed with ${error}${hint}`)
  }
  const peer = peerOf(koffi, fd)
  if (peer === null || !isTrusted(peer))
    throw failure(path, `it belongs to user ${peer?.uid ?? 'unknown'}, wanted this process's user or root`)
  return true
}

function receiveOffer(koffi: Koffi, fd: number, path: string): { fds: number[]; offer: Offer } {
  const poll = koffi.load(null).func('int poll(void *, unsigned long, int)')
  const { receive } = descriptorCalls(koffi)
  const fds: number[] = []
  let line = ''
  while (!line.includes('\n')) {
    const events = Buffer.alloc(8) // struct pollfd
    events.writeInt32LE(fd, 0)
    events.writeInt16LE(POLLIN, 4)
    if (Number(poll(events, 1, answerMs)) <= 0)
      throw failure(path, `no answer came within ${answerMs / 1000} s`)
    const received = receive(fd)
    if (received === null) continue
    fds.push(...received.fds)
    line += received.data.toString()
    if (received.end) break
  }
  const offer = parseOffer(line)
  if (offer !== null && !('error' in offer)) return { fds, offer }
  for (const received of fds) fs.closeSync(received)
  throw failure(path, offer === null ? 'the answer is not an offer' : offer.error)
}

function failure(path: string, reason: string): HandoverError {
  return new HandoverError(
    'ERR_HANDOVER_TAKEOVER',
    `The service at "${path}" cannot be taken over: ${reason}`,
  )
}

function close(fd: number): null {
  fs.closeSync(fd)
  return null
}

/** Milliseconds. The other process answers in the next turn of its event loop. */
const answerMs = 10_000
