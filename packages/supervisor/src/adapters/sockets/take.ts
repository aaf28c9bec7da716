import { closeSync, fstatSync, lstatSync, readlinkSync } from 'node:fs'
import { resolve } from 'node:path'
import { formatInetAddress, hostOf, portOf } from '#shared/socket-address.js'
import { SOL_SOCKET, SO_ACCEPTCONN } from '#shared/socket-constants.js'
import { procStat } from '#shared/proc-stat.js'
import type { ListenerSpec, Result } from '../../model/index.js'
import { failed, ok } from '../../model/index.js'
import type { BoundSocket, TakenSocket } from '../../ports.js'
import { PosixError, getsockname, getsockopt, pidfdGetfd, pidfdOpen } from '../linux/posix.js'
import { socketType } from '../linux/socket-type.js'

/** The backlog of a listener that has to be bound again. That of the application's own call cannot be read. */
const backlog = 4096

/**
 * Copies a socket that a process has bound (pidfd_getfd(2)). The process must belong to the group: otherwise an
 * instance could obtain sockets of any other program by naming its pid.
 */
export function takeBound(
  { name, pid, fd, anyPort }: BoundSocket,
  group: number,
  known: ReadonlySet<number>,
): Result<TakenSocket> {
  let copy: number | null = null
  try {
    copy = copyFrom(pid, fd, group)
    if (copy === null)
      return failed('Refused', `listener "${name}": process ${pid} is not one of the instance's`)
    const inode = fstatSync(copy).ino
    const described = known.has(inode) ? null : describe(copy, pid)
    if (described !== null && typeof described !== 'string')
      return ok({
        inode,
        listener: { name, ...described, fd: copy, inode, discovered: true, ...(anyPort && { anyPort }) },
      })
    closeSync(copy)
    return described === null
      ? ok({ inode, listener: null })
      : failed('Refused', `listener "${name}": descriptor ${fd} of process ${pid} ${described}`)
  } catch (error) {
    if (copy !== null) closeSync(copy)
    if (!(error instanceof PosixError)) throw error
    return failed('Refused', `listener "${name}" of process ${pid} cannot be copied: ${error.message}`)
  }
}

/** Null if the process is gone or not in the group. The pidfd keeps its number from being reused meanwhile. */
function copyFrom(pid: number, fd: number, group: number): number | null {
  const pidfd = pidfdOpen(pid)
  try {
    return procStat(pid)?.group === group ? pidfdGetfd(pidfd, fd) : null
  } finally {
    closeSync(pidfd)
  }
}

/** The spec and address of a socket, or the reason why it cannot be a listener. */
function describe(fd: number, pid: number): { spec: ListenerSpec; address: string } | string {
  if (!fstatSync(fd).isSocket()) return 'is not a socket'
  const address = getsockname(fd)
  const type = socketType(fd, address)
  if (type === null) return 'is neither TCP, UDP nor a unix stream socket'
  if (type === 'udp')
    return {
      spec: { type, host: hostOf(address), port: portOf(address) },
      address: formatInetAddress(address),
    }
  if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN) === 0) return 'does not listen'
  if (type === 'tcp')
    return {
      spec: { type, host: hostOf(address), port: portOf(address), backlog },
      address: formatInetAddress(address),
    }
  const path = unixPath(address, pid)
  if (path === null) return 'has an abstract name, wanted a path'
  const mode = (lstatSync(path, { throwIfNoEntry: false })?.mode ?? 0o666) & 0o777
  return { spec: { type, path, mode, backlog }, address: `unix:${path}` }
}

/** A relative path starts from the folder of the process that has bound it. Null for the abstract namespace. */
function unixPath(address: Buffer, pid: number): string | null {
  const bytes = address.subarray(2)
  if (bytes.length === 0 || bytes[0] === 0) return null
  const end = bytes.indexOf(0)
  const path = bytes.toString('utf8', 0, end === -1 ? bytes.length : end)
  return resolve(readlinkSync(`/proc/${pid}/cwd`), path)
}
