import fs from 'node:fs'

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

/** The 22nd field, counted behind the program's name, which may have spaces and brackets in it. Null: no process. */
function startTimeOf(pid: number): string | null {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? null : (fields[19] ?? null)
  } catch {
    return null
  }
}
