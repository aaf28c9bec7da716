import { readdirSync, readlinkSync } from 'node:fs'
import type { Socket } from 'node:net'
import { peerInodes } from '../linux/peer-inodes.js'
import type { ProcessGroup } from '../linux/process-group.js'

/** Whether the instance accepted one of the prober's connections. */
export type Attribution =
  | {
      state: 'seen'
      /** A connection that the instance accepted. Null if there is none. */
      own: Socket | null
      /** How many connections no process has accepted yet. */
      waiting: number
    }
  /** The instance's descriptors cannot be read. */
  | { state: 'hidden' }
  /** The process has exited. */
  | { state: 'gone' }

/** Looks up the other end of each connection in the kernel's tables, and searches the instance's descriptors for it. */
export function attribute(sockets: Socket[], group: ProcessGroup): Attribution {
  const inodes = peerInodes(sockets)
  const accepted = new Map<string, Socket>()
  for (const [socket, inode] of inodes) if (inode !== null) accepted.set(`socket:[${inode}]`, socket)
  // A connection that was accepted and closed has no inode either, but it is not waiting.
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

/** The targets of a process's descriptors: `socket:[inode]` for a socket (proc(5)). */
function openSocketsOf(pid: number): string[] | 'hidden' | 'gone' {
  const folder = `/proc/${pid}/fd`
  try {
    return readdirSync(folder).map((fd) => linkOf(`${folder}/${fd}`))
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'gone' : 'hidden'
  }
}

/** Empty if the descriptor was closed after it was listed. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
