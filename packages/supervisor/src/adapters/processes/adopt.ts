import { constants } from 'node:os'
import type { Exit, Result } from '../../model/index.js'
import { failed, ok } from '../../model/index.js'
import type { WatchedProcess } from '../linux/poll.js'
import { watchPid } from '../linux/poll.js'
import { PosixError, pidfdSendSignal, waitpid } from '../linux/posix.js'
import { receiversOf } from '../linux/receivers.js'
import type { LiveProcess } from './spawn.js'
import { killGroup, sendSignal } from './spawn.js'

/**
 * Watches a process that an earlier supervisor started. Its exit code is known only if it is a child of this process,
 * which is the case if the earlier supervisor was this process before an execve(2). Fails with `Refused` if the
 * process is gone.
 */
export function adoptProcess(pid: number, startTime: string): Result<LiveProcess> {
  let ended: (exit: Exit) => void
  const exit = new Promise<Exit>((resolve) => (ended = resolve))
  const watched = watchPid(pid, startTime, () => {
    const status = reap(pid)
    killGroup(pid)
    ended(status)
  })
  if (!watched) return failed('Refused', `there is no process ${pid} that was started at tick ${startTime}`)
  return ok({ pid, startTime, exit, terminate: (signal) => terminateWatched(watched, pid, signal) })
}

function terminateWatched({ pidfd }: WatchedProcess, pid: number, signal: NodeJS.Signals): void {
  const receivers = receiversOf(pid, signal)
  if (!receivers.includes(pid)) return sendSignal(receivers, signal)
  try {
    pidfdSendSignal(pidfd, constants.signals[signal])
  } catch (error) {
    // It has just exited; the event is on its way.
    if (!(error instanceof PosixError && error.code === 'ESRCH')) throw error
  }
}

const unknownExit: Exit = { code: null, signal: null }

function reap(pid: number): Exit {
  try {
    const status = waitpid(pid)
    return status ? { code: status.code, signal: signalName(status.signal) } : unknownExit
  } catch (error) {
    if (error instanceof PosixError && error.code === 'ECHILD') return unknownExit // not a child of this process
    throw error
  }
}

function signalName(number: number | null): string | null {
  const entry = Object.entries(constants.signals).find(([, value]) => value === number)
  return entry?.[0] ?? null
}
