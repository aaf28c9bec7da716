import { groupMembers } from './proc.js'

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
        members = groupMembers(leader).filter((pid) => pid !== leader)
        lookedAt = performance.now()
      }
      return members
    },
  }
}
