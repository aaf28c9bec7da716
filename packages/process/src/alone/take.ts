import fs from 'node:fs'
import { checkSocketPath, unixAddress } from '../system/unix-datagram.js'
import { errorName } from '../system/errno.js'
import { descriptorCalls } from '../system/descriptors.js'
import { HandoverError } from '../protocol/errors.js'
import type { Koffi } from '../system/koffi.js'
import type { PassedListener } from '../listeners/passed-listeners.js'
import { isTrusted, peerOf } from '../system/peer.js'
import { asideOf, parseOffer, type Offer, type Refusal } from '../protocol/takeover.js'
import { AF_UNIX, POLLIN, SOCK_CLOEXEC, SOCK_STREAM } from '../system/socket-constants.js'

export interface Taken {
  listeners: PassedListener[]
  predecessor: string
  /** Open until we have taken over. */
  connection: number
}

/**
 * Asks whoever serves at that path for its listeners. Null: nobody is there, so we are the first. It is waited for
 * without a turn of the event loop, so that an application that knows nothing of it finds its listeners as well.
 *
 * @throws HandoverError `ERR_HANDOVER_TAKEOVER` when somebody is there who does not give them
 */
export function take(koffi: Koffi, path: string): Taken | null {
  const wrong = checkSocketPath('the path', path) ?? checkSocketPath('the path', asideOf(path))
  if (wrong !== null) throw failure(path, wrong)
  const libc = koffi.load(null)
  const fd = Number(libc.func('int socket(int, int, int)')(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0))
  if (fd < 0) throw failure(path, `socket failed with ${errorName(koffi.errno())}`)
  try {
    const address = unixAddress(path)
    if (Number(libc.func('int connect(int, const void *, unsigned int)')(fd, address, address.length)) < 0) {
      const error = errorName(koffi.errno())
      if (error === 'ENOENT' || error === 'ECONNREFUSED') return close(fd)
      const hint = error === 'EACCES' ? ', only the user who serves there and root may connect' : ''
      throw failure(path, `connect failed with ${error}${hint}`)
    }
    const peer = peerOf(koffi, fd)
    if (peer === null || !isTrusted(peer))
      throw failure(path, `it belongs to user ${peer?.uid ?? 'unknown'}, our own or root was expected`)
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
  const offer: Offer | Refusal | null = parseOffer(line)
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

/** Whoever serves answers as soon as its event loop turns. */
const answerMs = 10_000
