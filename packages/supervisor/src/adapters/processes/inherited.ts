import { readdirSync } from 'node:fs'
import { PosixError, setCloseOnExec } from '../linux/posix.js'

/**
 * Sets close-on-exec on descriptors that the supervisor inherited (libuv does so for the first 16 only). Instances
 * outlive the supervisor and would otherwise keep pipes or locks of its parent open.
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
