import { groupMembers } from './proc.js'

/** An instance's processes: the one that was started leads the group, and its children inherit the group. */
export interface ProcessGroup {
  leader: number
  /** The others, such as gunicorn's workers. */
  members(): number[]
}

/** Reading all of /proc takes about 20 µs per process, so it is not done more often than this. */
const staleAfterMs = 100

export function processGroup(leader: number): ProcessGroup {
  let members: number[] = []
  let lookedAt = -Infinity
  return {
    leader,
    members() {
      if (performance.now() - lookedAt > staleAfterMs) {
        members = groupMembers(leader).filter((pid) => pid !== leader)
        lookedAt = performance.now()
      }
      return members
    },
  }
}
