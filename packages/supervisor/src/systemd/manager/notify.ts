import { closeSync } from 'node:fs'
import { AF_UNIX, SOCK_DGRAM } from '#shared/socket-constants.js'
import { PosixError, connect, sendmsg, socket } from '../../adapters/linux/posix.js'
import { checkUnixName, namedUnixAddress } from '#shared/socket-address.js'

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
  const problem = checkUnixName('NOTIFY_SOCKET', path)
  if (problem !== null) return problem
  const lines = Object.entries(assignments).map(([name, value]) => `${name}=${oneLine(value)}`)
  const fd = socket(AF_UNIX, SOCK_DGRAM)
  try {
    connect(fd, namedUnixAddress(path))
    sendmsg(fd, Buffer.from(lines.join('\n')), fds)
    return null
  } catch (error) {
    if (!(error instanceof PosixError)) throw error
    return `NOTIFY_SOCKET "${path}" does not accept "${lines[0]}": ${error.message}`
  } finally {
    closeSync(fd)
  }
}

const oneLine = (value: string | number): string => String(value).replaceAll('\n', ' ')
