import { constants } from 'node:os'
import type { Exit, Result } from '../../model/index.js'
import { failed, ok } from '../../model/index.js'
import type { WatchedProcess } from '../linux/poll.js'
import { watchPid } from '../linux/poll.js'
import { PosixError, pidfdSendSignal, waitpid } from '../linux/posix.js'
import type { LiveProcess, StopPolicy } from './spawn.js'
import { groupStop } from './stop.js'

/**
 * Watches a process that an earlier supervisor started. Its exit code is known only if it is a child of this process,
 * which is the case if the earlier supervisor was this process before an execve(2). Fails with `Refused` if the
 * process is gone.
 */
export function adoptProcess(pid: number, startTime: string, policy: StopPolicy): Result<LiveProcess> {
  let ended: (exit: Exit) => void
  const exit = new Promise<Exit>((resolve) => (ended = resolve))
  const watched = watchPid(pid, startTime, () => {
    const status = reap(pid)
    void stop.finish().then(() => ended(status))
  })
  if (!watched) return failed('Refused', `there is no process ${pid} that was started at tick ${startTime}`)
  const stop = groupStop({ ...policy, leader: pid, tellLeader: (signal) => tellWatched(watched, signal) })
  return ok({ pid, startTime, exit, terminate: (signal) => stop.begin(signal) })
}

function tellWatched({ pidfd }: WatchedProcess, signal: number): void {
  try {
    pidfdSendSignal(pidfd, signal)
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
