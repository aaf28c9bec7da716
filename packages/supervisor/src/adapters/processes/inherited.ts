import { readdirSync } from 'node:fs'
import { PosixError, setCloseOnExec } from '../linux/posix.js'

/**
 * Sets close-on-exec on descriptors that this process inherited. libuv does so up to the first gap above 15, so not for
 * the lock of `flock -n 200`. Children outlive this process, and would keep pipes and locks of its parent open.
 */
export function keepDescriptorsFromChildren(): void {
  for (const fd of readdirSync('/proc/self/fd').map(Number)) {
    if (fd <= 2) continue
    try {
      setCloseOnExec(fd, true)
    } catch (error) {
      // The descriptor of /proc/self/fd itself is closed by now.
      if (!(error instanceof PosixError && error.code === 'EBADF')) throw error
    }
  }
}
