import fs from 'node:fs'

/** Of /proc/PID/stat, see proc_pid_stat(5). */
export interface ProcStat {
  /** One letter; `Z` is a zombie: it has ended, and its parent has not asked how. */
  state: string
  /** The process group. */
  group: number
  /** Clock ticks from boot to its start: with the pid, an identity. */
  startTime: string
}

/** Null: there is no such process. */
export function procStat(pid: number): ProcStat | null {
  let text: string
  try {
    text = fs.readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch {
    return null
  }
  // The program's name, field 2, may hold blanks and parentheses: the other fields are counted from its last one.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [state, group, startTime] = [fields[0], fields[2], fields[19]]
  if (state === undefined || group === undefined || startTime === undefined) return null
  return { state, group: Number(group), startTime }
}
