import { namedUnixAddress } from '#shared/socket-address.js'
import { descriptorCalls } from './descriptors.js'
import { errorName } from '#shared/errno.js'
import type { Koffi } from './koffi.js'
import { AF_UNIX, MSG_NOSIGNAL, SOCK_CLOEXEC, SOCK_DGRAM } from '#shared/socket-constants.js'

/** The part of koffi that is used here. Every version has it. */
export type Ffi = Pick<Koffi, 'load' | 'errno'>

/**
 * Sends one datagram to a unix socket. `@` in front of the path means the abstract namespace (sd_notify(3)).
 * Returns null, or a sentence about what failed.
 */
export function sendDatagram(ffi: Ffi, socketPath: string, text: string): string | null {
  return onSocket(ffi, socketPath, (fd, libc, failed) => {
    const sendto = libc.func('intptr_t sendto(int, const void *, size_t, int, const void *, unsigned int)')
    const address = namedUnixAddress(socketPath)
    const data = Buffer.from(text)
    const sent = sendto(fd, data, data.length, MSG_NOSIGNAL, address, address.length)
    return Number(sent) === data.length ? null : failed('sendto')
  })
}

/** The same, with a copy of a descriptor. */
export function sendDescriptor(
  koffi: Koffi,
  socketPath: string,
  text: string,
  passed: number,
): string | null {
  return onSocket(koffi, socketPath, (fd, libc, failed) => {
    const connect = libc.func('int connect(int, const void *, unsigned int)')
    const address = namedUnixAddress(socketPath)
    if (Number(connect(fd, address, address.length)) < 0) return failed('connect')
    try {
      const sent = descriptorCalls(koffi).send(fd, Buffer.from(text), [passed])
      return sent > 0 ? null : failed('sendmsg', 'it is full')
    } catch (error) {
      return failed('sendmsg', (error as Error).message)
    }
  })
}

type Library = ReturnType<Ffi['load']>
/** One sentence about the call that failed. Default of `reason`: the name of errno. */
type Failed = (call: string, reason?: string) => string

function onSocket(
  ffi: Ffi,
  socketPath: string,
  send: (fd: number, libc: Library, failed: Failed) => string | null,
): string | null {
  const libc = ffi.load(null)
  const socket = libc.func('int socket(int, int, int)')
  const close = libc.func('int close(int)')
  const failed: Failed = (call, reason = errorName(ffi.errno())) =>
    `${call} to NOTIFY_SOCKET "${socketPath}" failed: ${reason}`
  const fd = Number(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0))
  if (fd < 0) return failed('socket')
  try {
    return send(fd, libc, failed)
  } finally {
    close(fd)
  }
}
