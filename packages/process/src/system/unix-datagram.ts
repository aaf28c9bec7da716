import { descriptorCalls } from './descriptors.js'
import { errorName } from './errno.js'
import type { Koffi } from './koffi.js'
import { AF_UNIX, MSG_NOSIGNAL, SOCK_CLOEXEC, SOCK_DGRAM } from './socket-constants.js'

/** What of koffi is used here. */
export type Ffi = Pick<Koffi, 'load' | 'errno'>

/** One datagram to a unix socket; `@` in front of the path means the abstract namespace (sd_notify(3)). */
export function sendDatagram(ffi: Ffi, socketPath: string, text: string): string | null {
  return onSocket(ffi, socketPath, (fd, libc, failed) => {
    const sendto = libc.func('intptr_t sendto(int, const void *, size_t, int, const void *, unsigned int)')
    const address = unixAddress(socketPath)
    const data = Buffer.from(text)
    const sent = sendto(fd, data, data.length, MSG_NOSIGNAL, address, address.length)
    return Number(sent) === data.length ? null : failed('sendto')
  })
}

/** The same, with a copy of a descriptor: it takes a socket that is connected. */
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
/** One sentence about the call that failed; without a reason, errno's. */
type Failed = (call: string, reason?: string) => string

/** Opens a unix datagram socket for as long as `send` takes. */
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

/** sun_path has 108 bytes (unix(7)), and a path ends with a NUL. */
export const longestPath = 107

/** What is wrong with the path, in one sentence; null: nothing. */
export function checkSocketPath(socketPath: string): string | null {
  if (!/^[/@]./.test(socketPath))
    return `NOTIFY_SOCKET is "${socketPath}"; an absolute path, or a name after "@", was expected`
  const bytes = Buffer.byteLength(socketPath)
  return bytes > longestPath
    ? `NOTIFY_SOCKET "${socketPath}" has ${bytes} bytes; the address of a unix socket has at most ${longestPath}`
    : null
}

/** struct sockaddr_un: the family in the machine's byte order, and the path; no end byte if it is abstract. */
export function unixAddress(socketPath: string): Buffer {
  const abstract = socketPath.startsWith('@')
  const path = Buffer.from(abstract ? `\0${socketPath.slice(1)}` : `${socketPath}\0`)
  const family = Buffer.from(new Uint16Array([AF_UNIX]).buffer)
  return Buffer.concat([family, path])
}
