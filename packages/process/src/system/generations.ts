import { procStat } from '#shared/proc-stat.js'

/** A process as /proc knows it: its pid alone may be another's by now. */
export interface Generation {
  pid: number
  /** Clock ticks since boot, proc_pid_stat(5). */
  startTime: string
}

export function generationOf(pid: number): Generation {
  return { pid, startTime: startTimeOf(pid) ?? '' }
}

/** Those that are still there. */
export function living(generations: readonly Generation[]): Generation[] {
  return generations.filter(({ pid, startTime }) => startTimeOf(pid) === startTime)
}

/** Null: no process, or one that has ended. */
function startTimeOf(pid: number): string | null {
  const stat = procStat(pid)
  return stat === null || stat.state === 'Z' ? null : stat.startTime
}
