import os from 'node:os'

/** What is used of koffi (https://koffi.dev): an optional package, so it is known by shape only. */
export interface Ffi {
  load(library: string | null): { func(prototype: string): (...args: unknown[]) => number }
  errno(): number
}

/** One datagram to a unix socket; `@` in front of the path means the abstract namespace (sd_notify(3)). */
export function sendDatagram(ffi: Ffi, socketPath: string, text: string): string | null {
  const libc = ffi.load(null)
  const socket = libc.func('int socket(int, int, int)')
  const sendto = libc.func('intptr_t sendto(int, const void *, size_t, int, const void *, unsigned int)')
  const close = libc.func('int close(int)')
  const failed = (call: string) =>
    `${call} to NOTIFY_SOCKET "${socketPath}" failed: ${errorName(ffi.errno())}`

  const fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)
  if (fd < 0) return failed('socket')
  try {
    const address = unixAddress(socketPath)
    const data = Buffer.from(text)
    const sent = sendto(fd, data, data.length, MSG_NOSIGNAL, address, address.length)
    return Number(sent) === data.length ? null : failed('sendto')
  } finally {
    close(fd)
  }
}

const AF_UNIX = 1
const SOCK_DGRAM = 2
const SOCK_CLOEXEC = 0o2000000
const MSG_NOSIGNAL = 0x4000

/** struct sockaddr_un: the family in the machine's byte order, and the path; no end byte if it is abstract. */
function unixAddress(socketPath: string): Buffer {
  const abstract = socketPath.startsWith('@')
  const path = Buffer.from(abstract ? `\0${socketPath.slice(1)}` : `${socketPath}\0`)
  const family = Buffer.from(new Uint16Array([AF_UNIX]).buffer)
  return Buffer.concat([family, path])
}

function errorName(errno: number): string {
  const entry = Object.entries(os.constants.errno).find(([, value]) => value === errno)
  return entry?.[0] ?? `errno ${errno}`
}
