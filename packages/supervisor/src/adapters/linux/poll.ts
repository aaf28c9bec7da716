import koffi from 'koffi'
import { closeSync } from 'node:fs'
import { PosixError, errorCode, pidfdOpen } from './posix.js'
import { startTime } from './proc.js'

/**
 * Calls back whenever the descriptor is readable, until the function that it returns is called; do that
 * before the descriptor is closed. It is libuv's own uv_poll: neither a thread nor a timer.
 *
 * The native callback runs outside of Node's callback scope: no promise is continued after it and an
 * exception would be lost. So it only sets an immediate, which libuv runs before it polls again.
 */
export function watchReadable(fd: number, callback: () => void): () => void {
  let watching = true
  const handle = koffi.node.poll(fd, { readable: true }, () => {
    setImmediate(() => {
      if (watching) callback()
    })
  })
  return () => {
    if (!watching) return
    watching = false
    handle.close()
  }
}

export interface WatchedProcess {
  /** Identity of the process for as long as it is open: see pidfd_open(2). */
  pidfd: number
  stop(): void
}

/**
 * Watches a process that need not be our child. `startTime` is that of proc(5): with it a later process of
 * the same number is told apart. Null if the process is gone already.
 */
export function watchPid(pid: number, started: string, onExit: () => void): WatchedProcess | null {
  let pidfd: number
  try {
    pidfd = pidfdOpen(pid)
  } catch (error) {
    if (error instanceof PosixError && errorCode(error) === 'ESRCH') return null
    throw error
  }
  // Looked at after the pidfd was opened: from here on the number cannot be another's.
  if (startTime(pid) !== started) {
    closeSync(pidfd)
    return null
  }
  let open = true
  const stopPolling = watchReadable(pidfd, () => {
    stop()
    onExit()
  })
  const stop = () => {
    if (!open) return
    open = false
    stopPolling()
    closeSync(pidfd)
  }
  return { pidfd, stop }
}
