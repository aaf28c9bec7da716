import fs from 'node:fs'

/** Fields of /proc/PID/stat: see proc_pid_stat(5). */
export interface ProcStat {
  /** One letter. `Z` is a zombie: it has ended, but its parent has not reaped it. */
  state: string
  /** The id of the process group. */
  group: number
  /** Clock ticks from boot to its start. Together with the pid, they identify the process. */
  startTime: string
}

/** Returns null if there is no such process. */
export function procStat(pid: number): ProcStat | null {
  let text: string
  try {
    text = fs.readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch {
    return null
  }
  // The program's name, field 2, may contain spaces and parentheses: the other fields follow the last ")".
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [state, group, startTime] = [fields[0], fields[2], fields[19]]
  if (state === undefined || group === undefined || startTime === undefined) return null
  return { state, group: Number(group), startTime }
}
