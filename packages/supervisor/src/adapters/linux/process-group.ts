import { readFileSync, readdirSync } from 'node:fs'

/** An instance's processes: the one that was started leads a group, and its children are born into it. */
export interface ProcessGroup {
  leader: number
  /** The others, such as gunicorn's workers. */
  members(): number[]
}

/** Looking through all processes takes about 20 µs for each: not more often than this. */
const staleAfterMs = 100

export function processGroup(leader: number): ProcessGroup {
  let members: number[] = []
  let lookedAt = -Infinity
  return {
    leader,
    members() {
      if (performance.now() - lookedAt > staleAfterMs) {
        members = membersOf(leader)
        lookedAt = performance.now()
      }
      return members
    },
  }
}

const membersOf = (leader: number): number[] =>
  readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => pid !== leader && groupOf(pid) === leader)

/** proc(5), stat: pid (comm) state ppid pgrp; comm may hold blanks and parentheses. */
function groupOf(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2])
  } catch {
    return null
  }
}
