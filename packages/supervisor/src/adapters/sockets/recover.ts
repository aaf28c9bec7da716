import { closeSync, fstatSync } from 'node:fs'
import { PosixError, pidfdGetfd, pidfdOpen } from '../linux/posix.js'
import { heldSockets } from '../linux/proc.js'

/** A copy of the socket, from the first of the processes that has it and lets us; null if none does. */
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
    closeSync(fd) // it was closed, and its number taken by another, since we looked
    return null
  } catch (error) {
    if (error instanceof PosixError) return null // gone, or not ours to look into
    throw error
  } finally {
    if (pidfd !== null) closeSync(pidfd)
  }
}
