import { readdirSync, readlinkSync } from 'node:fs'
import type { Socket } from 'node:net'
import { peerInodes } from '../linux/peer-inodes.js'
import type { ProcessGroup } from '../linux/process-group.js'

/** Who accepted which of our connections. */
export type Attribution =
  | {
      state: 'seen'
      /** One that the instance accepted. */
      own: Socket | null
      /** How many nobody has accepted yet. */
      waiting: number
    }
  /** The system does not let us see the instance's descriptors. */
  | { state: 'hidden' }
  /** There is no such process any more. */
  | { state: 'gone' }

/** Finds the other end of each connection in the kernel's tables, and its inode among the instance's descriptors. */
export function attribute(sockets: Socket[], group: ProcessGroup): Attribution {
  const inodes = peerInodes(sockets)
  const accepted = new Map<string, Socket>()
  for (const [socket, inode] of inodes) if (inode !== null) accepted.set(`socket:[${inode}]`, socket)
  // One whose other end closed it has no inode any more either: it was accepted, but not to be kept.
  const waiting = sockets.filter((socket) => inodes.get(socket) === null && !socket.destroyed).length
  const ofLeader = openSocketsOf(group.leader)
  if (typeof ofLeader === 'string') return { state: ofLeader }
  const own = accepted.size === 0 ? null : (heldBy(ofLeader, accepted) ?? heldByMember(group, accepted))
  return { state: 'seen', own, waiting }
}

function heldByMember(group: ProcessGroup, accepted: Map<string, Socket>): Socket | null {
  for (const member of group.members()) {
    const links = openSocketsOf(member)
    const own = typeof links === 'string' ? null : heldBy(links, accepted)
    if (own) return own
  }
  return null
}

function heldBy(links: string[], accepted: Map<string, Socket>): Socket | null {
  const link = links.find((candidate) => accepted.has(candidate))
  return link === undefined ? null : (accepted.get(link) ?? null)
}

/** What the descriptors of a process lead to: `socket:[inode]` for a socket (proc(5)). */
function openSocketsOf(pid: number): string[] | 'hidden' | 'gone' {
  const folder = `/proc/${pid}/fd`
  try {
    return readdirSync(folder).map((fd) => linkOf(`${folder}/${fd}`))
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'gone' : 'hidden'
  }
}

/** A descriptor may be closed between the listing and the look. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
