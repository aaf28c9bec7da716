import fs from 'node:fs'

/** One process for certain: the kernel may have given its pid to another one meanwhile. */
export interface ProcessIdentity {
  pid: number
  /** Clock ticks after boot, proc_pid_stat(5). Empty if there was no such process. */
  startTime: string
}

export function identityOf(pid: number): ProcessIdentity {
  return { pid, startTime: startTimeOf(pid) ?? '' }
}

/** Those that have not exited. A zombie has. */
export function stillRunning(processes: readonly ProcessIdentity[]): ProcessIdentity[] {
  return processes.filter(({ pid, startTime }) => startTimeOf(pid) === startTime)
}

/** The 22nd field, counted from behind the program's name, which may contain spaces and brackets. */
function startTimeOf(pid: number): string | null {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? null : (fields[19] ?? null)
  } catch {
    return null
  }
}
