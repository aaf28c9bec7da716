import type { SocketHolder } from '../linux/proc.js'
import { groupMembers, heldSockets, stillHolds } from '../linux/proc.js'

/** Time between two checks. Most programs close their listeners within milliseconds, some only with their last connection. */
const firstPauseMs = 5
const maxPauseMs = 250

export interface ListenerWatch {
  /** Checks at once. */
  check(): void
  stop(): void
}

/**
 * Calls back when no process of the group holds any of the sockets. The kernel does not report that another process
 * closed a descriptor, so this polls /proc, with a growing pause, while an instance without the library drains. While
 * the holder found last still holds a socket, a check costs one readlink(2).
 */
export function watchListeners(
  group: number,
  inodes: ReadonlySet<number>,
  onReleased: () => void,
): ListenerWatch {
  let holder: SocketHolder | null = null
  let pauseMs = firstPauseMs
  let stopped = false

  function stop(): void {
    stopped = true
    clearTimeout(timer)
  }

  function check(): void {
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
    timer = setTimeout(check, pauseMs)
    pauseMs = Math.min(pauseMs * 2, maxPauseMs)
  }

  let timer = setTimeout(check, pauseMs)
  return { check, stop }
}

/** `unknown`: the descriptors of a process of the group cannot be read, so it may hold one. */
function findHolder(group: number, inodes: ReadonlySet<number>): SocketHolder | 'none' | 'unknown' {
  const held = groupMembers(group).map((pid) => heldSockets(pid, inodes))
  const holder = held.find((sockets) => sockets?.length)?.[0]
  if (holder) return holder
  return held.includes(null) ? 'unknown' : 'none'
}
