import type { SocketHolder } from '../linux/proc.js'
import { groupMembers, heldSockets, stillHolds } from '../linux/proc.js'

/** Milliseconds between two looks: most programs let go within some, a few only with their last connection. */
const firstPause = 5
const longestPause = 250

export interface ListenerWatch {
  /** Looks now: there is reason to think that something changed. */
  look(): void
  stop(): void
}

/**
 * Calls back once no process of the group holds any of the sockets. Nothing tells of a closed descriptor of
 * another process, so /proc is looked at, ever less often, and only while an instance without the library
 * drains. As long as the holder that was found holds on, one readlink(2) is all that a look costs.
 */
export function watchListeners(
  group: number,
  inodes: ReadonlySet<number>,
  onReleased: () => void,
): ListenerWatch {
  let holder: SocketHolder | null = null
  let pause = firstPause
  let stopped = false

  function stop(): void {
    stopped = true
    clearTimeout(timer)
  }

  function look(): void {
    if (stopped) return
    clearTimeout(timer)
    if (!(holder && stillHolds(holder))) {
      const found = findHolder(group, inodes)
      if (found === 'none') {
        stop()
        return onReleased()
      }
      holder = found === 'unknown' ? null : found
    }
    timer = setTimeout(look, pause)
    pause = Math.min(pause * 2, longestPause)
  }

  let timer = setTimeout(look, pause)
  return { look, stop }
}

/** `unknown`: a process of the group does not let us look, so it may hold one. */
function findHolder(group: number, inodes: ReadonlySet<number>): SocketHolder | 'none' | 'unknown' {
  const held = groupMembers(group).map((pid) => heldSockets(pid, inodes))
  const holder = held.find((sockets) => sockets?.length)?.[0]
  if (holder) return holder
  return held.includes(null) ? 'unknown' : 'none'
}
