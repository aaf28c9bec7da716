import { closeSync } from 'node:fs'
import { AF_UNIX, PosixError, SOCK_DGRAM, connect, sendmsg, socket } from '../../adapters/linux/posix.js'
import { longestUnixPath, unixAddress } from '../../adapters/linux/sockaddr.js'

/** `NAME=value` lines of sd_notify(3), in the order of the fields. */
export type Assignments = Record<string, string | number>

/**
 * Sends one datagram of sd_notify(3), with copies of `fds` for FDSTORE=1. Returns null, or the reason why it was
 * not sent: the supervisor continues without its service manager.
 *
 * Each message opens its own socket, since systemd binds NOTIFY_SOCKET again when it re-executes itself
 * (daemon-reexec).
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
    return `NOTIFY_SOCKET "${path}" does not accept "${lines[0]}": ${error.message}`
  } finally {
    closeSync(fd)
  }
}

function checkPath(path: string): string | null {
  if (!path.startsWith('/') && !path.startsWith('@'))
    return `NOTIFY_SOCKET is "${path}", wanted an absolute path or a name after "@"`
  const bytes = Buffer.byteLength(path)
  return bytes > longestUnixPath
    ? `NOTIFY_SOCKET is "${path}", a path of ${bytes} bytes, wanted at most ${longestUnixPath}`
    : null
}

/** `@` stands for the leading NUL of the abstract namespace (unix(7)); an abstract name has no closing NUL. */
function notifyAddress(path: string): Buffer {
  if (!path.startsWith('@')) return unixAddress(path)
  return unixAddress(`\0${path.slice(1)}`).subarray(0, -1)
}

const oneLine = (value: string | number): string => String(value).replaceAll('\n', ' ')
