import { procStat } from '#shared/proc-stat.js'

/** Identifies a process even if the kernel has reused its pid. */
export interface ProcessIdentity {
  pid: number
  /** Clock ticks after boot, proc_pid_stat(5). Empty if there was no such process. */
  startTime: string
}

export function identityOf(pid: number): ProcessIdentity {
  return { pid, startTime: startTimeOf(pid) ?? '' }
}

/** The processes that have not exited. A zombie counts as exited. */
export function stillRunning(processes: readonly ProcessIdentity[]): ProcessIdentity[] {
  return processes.filter(({ pid, startTime }) => startTimeOf(pid) === startTime)
}

function startTimeOf(pid: number): string | null {
  const stat = procStat(pid)
  return stat === null || stat.state === 'Z' ? null : stat.startTime
}
