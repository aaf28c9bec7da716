import { readdirSync } from 'node:fs'
import { PosixError, setCloseOnExec } from '../linux/posix.js'

/**
 * Keeps from the instances what the supervisor's own starter left open (libuv does so for the first 16
 * descriptors only). An instance outlives the supervisor: it would hold on to another's pipe or lock for good.
 */
export function keepDescriptorsFromChildren(): void {
  for (const fd of readdirSync('/proc/self/fd').map(Number)) {
    if (fd <= 2) continue
    try {
      setCloseOnExec(fd, true)
    } catch (error) {
      // The folder that was just read had a descriptor of its own.
      if (!(error instanceof PosixError && error.code === 'EBADF')) throw error
    }
  }
}
