import { readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { procStat } from '#shared/proc-stat.js'

/** Information on processes from proc(5). A process may end at any time: then the results are null or empty. */

/** Clock ticks from boot to the start of the process. Together with the pid, they identify it. */
export function startTime(pid: number): string | null {
  return procStat(pid)?.startTime ?? null
}

/** Finds a process group leader whose environment at its start contained `assignment` (`NAME=value`). */
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

/** The pids of the running processes in the group, without zombies. */
export function groupMembers(group: number): number[] {
  return pids().filter((pid) => {
    const stat = procStat(pid)
    return stat?.group === group && stat.state !== 'Z'
  })
}

/**
 * The bytes that each of these process groups has in memory: the sum of VmRSS of its processes. A page that two of
 * them share counts twice. Reads one file for each process, and one more for each member of these groups. A group
 * without processes has no entry.
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

/** The arguments of the process, or an empty list if it has ended. */
export function commandLine(pid: number): string[] {
  return read(`/proc/${pid}/cmdline`)?.split('\0').slice(0, -1) ?? []
}

export interface SocketHolder {
  pid: number
  fd: number
  inode: number
}

/**
 * The descriptors of the process that refer to one of these sockets. Returns null without permission to look: the
 * process belongs to another user, or has forbidden it (PR_SET_DUMPABLE of prctl(2)).
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

/** A process that has the socket open, or null if none is visible. */
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
    return null // closed, or the process has ended
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
