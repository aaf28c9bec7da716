import koffi from 'koffi'
import { closeSync } from 'node:fs'
import { PosixError, errorCode, pidfdOpen } from './posix.js'
import { startTime } from './proc.js'

/**
 * Calls `callback` whenever the descriptor is readable. The returned function stops that, and must be called before
 * the descriptor is closed. This is uv_poll of libuv: it needs neither a thread nor a timer.
 *
 * The native callback runs outside of Node's callback scope: promise continuations do not run after it, and an
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
  /** Refers to this process, and never to a later one with the same pid, while it is open: see pidfd_open(2). */
  pidfd: number
  stop(): void
}

/**
 * Watches a process that need not be a child of this one. `started` is its start time from proc(5), which
 * distinguishes it from a later process with the same pid. Returns null if the process has already ended.
 */
export function watchPid(pid: number, started: string, onExit: () => void): WatchedProcess | null {
  let pidfd: number
  try {
    pidfd = pidfdOpen(pid)
  } catch (error) {
    if (error instanceof PosixError && errorCode(error) === 'ESRCH') return null
    throw error
  }
  // Checked after the pidfd was opened: from then on, the pid cannot be reused.
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
