import { closeSync, fstatSync } from 'node:fs'
import { PosixError, pidfdGetfd, pidfdOpen } from '../linux/posix.js'
import { heldSockets } from '../linux/proc.js'

/** Duplicates the socket from the first of these processes that holds it and permits it. Null if none does. */
export function takeBack(inode: number, holders: number[]): number | null {
  for (const pid of holders) {
    for (const { fd } of heldSockets(pid, new Set([inode])) ?? []) {
      const copy = copyFrom(pid, fd, inode)
      if (copy !== null) return copy
    }
  }
  return null
}

function copyFrom(pid: number, targetFd: number, inode: number): number | null {
  let pidfd: number | null = null
  try {
    pidfd = pidfdOpen(pid)
    const fd = pidfdGetfd(pidfd, targetFd)
    if (fstatSync(fd).ino === inode) return fd
    closeSync(fd) // The process has since closed it and reused the number.
    return null
  } catch (error) {
    if (error instanceof PosixError) return null // The process has exited, or permission was denied.
    throw error
  } finally {
    if (pidfd !== null) closeSync(pidfd)
  }
}
