import { readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { procStat } from '#shared/proc-stat.js'

/** What /proc tells of processes: see proc(5). A process may end while it is looked at; then it has nothing. */

/** Clock ticks from boot to the start of the process: with the pid, an identity. Null if it is gone. */
export function startTime(pid: number): string | null {
  return procStat(pid)?.startTime ?? null
}

/** The leader of a process group that was executed with this in its environment, `NAME=value`. Null: there is none. */
export function leaderWith(assignment: string): number | null {
  const isLeader = (pid: number) => {
    const stat = procStat(pid)
    return stat?.group === pid && stat.state !== 'Z'
  }
  const found = pids().find(
    (pid) => isLeader(pid) && read(`/proc/${pid}/environ`)?.split('\0').includes(assignment) === true,
  )
  return found ?? null
}

/** Living processes of the process group. */
export function groupMembers(group: number): number[] {
  return pids().filter((pid) => {
    const stat = procStat(pid)
    return stat?.group === group && stat.state !== 'Z'
  })
}

/**
 * Bytes that each of these process groups has in memory: the sum of its processes' VmRSS, so that a page which two
 * of them share counts twice. One look at all processes, and one more at each member. A group that is gone has no entry.
 */
export function residentBytes(groups: ReadonlySet<number>): Map<number, number> {
  const sizes = new Map<number, number>()
  for (const pid of pids()) {
    const group = procStat(pid)?.group
    if (group === undefined || !groups.has(group)) continue
    const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`) ?? '')?.[1]
    sizes.set(group, (sizes.get(group) ?? 0) + Number(kibibytes ?? 0) * 1024)
  }
  return sizes
}

/** The process's name as `ps` shows it, or null. */
export function processName(pid: number): string | null {
  return read(`/proc/${pid}/comm`)?.trimEnd() ?? null
}

/** The arguments that the process was executed with; empty if it is gone. */
export function commandLine(pid: number): string[] {
  return read(`/proc/${pid}/cmdline`)?.split('\0').slice(0, -1) ?? []
}

export interface SocketHolder {
  pid: number
  fd: number
  inode: number
}

/**
 * The descriptors of the process that are one of these sockets. Null if we may not look: the process belongs
 * to another user, or has forbidden it (prctl(2), PR_SET_DUMPABLE).
 */
export function heldSockets(pid: number, inodes: ReadonlySet<number>): SocketHolder[] | null {
  let fds: string[]
  try {
    fds = readdirSync(`/proc/${pid}/fd`)
  } catch (error) {
    return isGone(error) ? [] : null
  }
  return fds.flatMap((fd) => {
    const inode = socketInode(pid, Number(fd))
    return inode !== null && inodes.has(inode) ? [{ pid, fd: Number(fd), inode }] : []
  })
}

export function stillHolds(holder: SocketHolder): boolean {
  return socketInode(holder.pid, holder.fd) === holder.inode
}

/** A process that holds the socket, if we may see it. */
export function socketOwner(inode: number): { pid: number; name: string } | null {
  const wanted = new Set([inode])
  for (const pid of pids()) {
    if (heldSockets(pid, wanted)?.length) return { pid, name: processName(pid) ?? '?' }
  }
  return null
}

function socketInode(pid: number, fd: number): number | null {
  try {
    const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1]
    return inode === undefined ? null : Number(inode)
  } catch {
    return null // closed, or the process is gone
  }
}

function pids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return null
  }
}

const isGone = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH')
