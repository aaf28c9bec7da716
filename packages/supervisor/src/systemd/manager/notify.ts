import { closeSync } from 'node:fs'
import { AF_UNIX, PosixError, SOCK_DGRAM, connect, sendmsg, socket } from '../../adapters/linux/posix.js'
import { longestUnixPath, unixAddress } from '../../adapters/linux/sockaddr.js'

/** `NAME=value` lines of sd_notify(3), in this order. */
export type Assignments = Record<string, string | number>

/**
 * Sends one datagram of sd_notify(3), with copies of the descriptors for FDSTORE=1. Null, or one sentence that
 * says why it could not be sent: a supervisor serves on without its service manager.
 *
 * A socket per message: systemd binds its end anew when it executes itself anew (daemon-reexec).
 */
export function sendNotification(path: string, assignments: Assignments, fds: number[] = []): string | null {
  const problem = checkPath(path)
  if (problem !== null) return problem
  const lines = Object.entries(assignments).map(([name, value]) => `${name}=${oneLine(value)}`)
  const fd = socket(AF_UNIX, SOCK_DGRAM)
  try {
    connect(fd, notifyAddress(path))
    sendmsg(fd, Buffer.from(lines.join('\n')), fds)
    return null
  } catch (error) {
    if (!(error instanceof PosixError)) throw error
    return `NOTIFY_SOCKET "${path}" does not take "${lines[0]}": ${error.message}`
  } finally {
    closeSync(fd)
  }
}

function checkPath(path: string): string | null {
  if (!path.startsWith('/') && !path.startsWith('@'))
    return `NOTIFY_SOCKET is "${path}"; an absolute path, or a name after "@", was expected`
  const bytes = Buffer.byteLength(path)
  return bytes > longestUnixPath
    ? `NOTIFY_SOCKET "${path}" has ${bytes} bytes; the address of a unix socket has at most ${longestUnixPath}`
    : null
}

/** `@` stands for the NUL of the abstract namespace (unix(7)); such a name has no final NUL. */
function notifyAddress(path: string): Buffer {
  if (!path.startsWith('@')) return unixAddress(path)
  return unixAddress(`\0${path.slice(1)}`).subarray(0, -1)
}

const oneLine = (value: string | number): string => String(value).replaceAll('\n', ' ')
