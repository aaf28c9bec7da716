import { descriptorCalls } from './descriptors.js'
import { errorName } from './errno.js'
import type { Koffi } from './koffi.js'
import { AF_UNIX, MSG_NOSIGNAL, SOCK_CLOEXEC, SOCK_DGRAM } from './socket-constants.js'

/** The part of koffi that is used here, present in every version of it. */
export type Ffi = Pick<Koffi, 'load' | 'errno'>

/**
 * Sends one datagram to a unix socket. `@` in front of the path means the abstract namespace (sd_notify(3)).
 * Returns null, or a sentence about what failed.
 */
export function sendDatagram(ffi: Ffi, socketPath: string, text: string): string | null {
  return onSocket(ffi, socketPath, (fd, libc, failed) => {
    const sendto = libc.func('intptr_t sendto(int, const void *, size_t, int, const void *, unsigned int)')
    const address = unixAddress(socketPath)
    const data = Buffer.from(text)
    const sent = sendto(fd, data, data.length, MSG_NOSIGNAL, address, address.length)
    return Number(sent) === data.length ? null : failed('sendto')
  })
}

/** The same, together with a copy of a descriptor. */
export function sendDescriptor(
  koffi: Koffi,
  socketPath: string,
  text: string,
  passed: number,
): string | null {
  return onSocket(koffi, socketPath, (fd, libc, failed) => {
    const connect = libc.func('int connect(int, const void *, unsigned int)')
    const address = unixAddress(socketPath)
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

/** In bytes: sun_path has 108 (unix(7)), and a path ends with a NUL. */
export const longestPath = 107

/** Null, or a sentence about what is wrong with the path. `name`: what the sentence calls it. */
export function checkSocketPath(name: string, socketPath: string): string | null {
  if (!/^[/@]./.test(socketPath))
    return `${name} is "${socketPath}", expected an absolute path, or a name after "@"`
  const bytes = Buffer.byteLength(socketPath)
  return bytes > longestPath
    ? `${name} "${socketPath}" has ${bytes} bytes, expected at most ${longestPath} (unix(7))`
    : null
}

/** struct sockaddr_un: the family in the machine's byte order, then the path, which has no NUL at its end if it is abstract. */
export function unixAddress(socketPath: string): Buffer {
  const abstract = socketPath.startsWith('@')
  const path = Buffer.from(abstract ? `\0${socketPath.slice(1)}` : `${socketPath}\0`)
  const family = Buffer.from(new Uint16Array([AF_UNIX]).buffer)
  return Buffer.concat([family, path])
}
