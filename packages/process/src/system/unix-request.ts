import { unixAddress } from '#shared/socket-address.js'
import {
  AF_UNIX,
  MSG_NOSIGNAL,
  SOCK_CLOEXEC,
  SOCK_STREAM,
  SOL_SOCKET,
  SO_RCVTIMEO,
  SO_SNDTIMEO,
} from '#shared/socket-constants.js'
import { receiver } from './descriptors.js'
import type { Koffi } from './koffi.js'

/** A line that came with descriptors, which are close-on-exec and which the caller must close. */
export interface Answer {
  line: string
  fds: number[]
}

/**
 * Sends one line to a unix stream socket and waits for the line that answers it. The whole process waits, so an
 * application sees no difference in the order of its events. Null on any error, and after `timeoutMs`.
 */
export function request(koffi: Koffi, socketPath: string, line: string, timeoutMs: number): Answer | null {
  const libc = koffi.load(null)
  const socket = libc.func('int socket(int, int, int)')
  const connect = libc.func('int connect(int, const void *, unsigned int)')
  const send = libc.func('int64_t send(int, const void *, size_t, int)')
  const setsockopt = libc.func('int setsockopt(int, int, int, const void *, unsigned int)')
  const close = libc.func('int close(int)')
  const fd = Number(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0))
  if (fd < 0) return null
  try {
    const limit = timeval(timeoutMs)
    for (const option of [SO_SNDTIMEO, SO_RCVTIMEO]) setsockopt(fd, SOL_SOCKET, option, limit, limit.length)
    const address = unixAddress(socketPath)
    if (Number(connect(fd, address, address.length)) < 0) return null
    const bytes = Buffer.from(`${line}\n`)
    if (Number(send(fd, bytes, bytes.length, MSG_NOSIGNAL)) !== bytes.length) return null
    return readLine(koffi, fd, performance.now() + timeoutMs)
  } finally {
    close(fd)
  }
}

function readLine(koffi: Koffi, fd: number, deadline: number): Answer | null {
  const receive = receiver(koffi, 0)
  const fds: number[] = []
  let text = ''
  while (!text.includes('\n')) {
    const received = receive(fd)
    // A signal interrupts the call, whatever SA_RESTART says, once SO_RCVTIMEO is set (signal(7)).
    if (received === null && performance.now() < deadline) continue
    if (received === null || received.end) return fds.length > 0 ? { line: text, fds } : null
    fds.push(...received.fds)
    text += received.data.toString()
  }
  return { line: text.slice(0, text.indexOf('\n')), fds }
}

/** struct timeval: seconds and microseconds, of 64 bits each. */
function timeval(ms: number): Buffer {
  const value = Buffer.alloc(16)
  value.writeBigInt64LE(BigInt(Math.floor(ms / 1000)), 0)
  value.writeBigInt64LE(BigInt(Math.floor((ms % 1000) * 1000)), 8)
  return value
}
