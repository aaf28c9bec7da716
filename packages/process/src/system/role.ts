import fs from 'node:fs'
import { constants } from 'node:os'
import path from 'node:path'

/**
 * A signal that nothing sends and nothing handles (signal(7): unused). A process of a service has a handler for it, and
 * proc_pid_status(5) shows that to its descendants, which inherit the preload without being the service: renderers,
 * converters and other helpers. Launchers such as npm never serve, so the program below them is none of those.
 */
const mark = 'SIGSTKFLT'
const bit = 1n << BigInt((constants.signals[mark] ?? 1) - 1)
const ignore = (): void => {}

/** From now on the processes that this one starts are its helpers. */
export function claimRole(): void {
  isClaimed = true
  if (mark in constants.signals && process.listenerCount(mark) === 0) process.on(mark, ignore)
}

/** The processes that this one has started are its helpers until the returned function is called, or for good. */
export function claimRoleUntil(): () => void {
  const before = isClaimed
  claimRole()
  isClaimed = before
  claims += 1
  return () => {
    claims -= 1
    if (claims === 0 && !isClaimed) process.off(mark, ignore)
  }
}

let isClaimed = false
let claims = 0

/** Whether a process above this one is the service. False where /proc is not mounted or hides other processes. */
export function isBelowService(parent = process.ppid): boolean {
  for (let pid = parent; pid > 1;) {
    const status = readStatus(pid)
    if (status === null) return false
    if ((status.caught & bit) !== 0n) return true
    pid = status.parent
  }
  return false
}

function readStatus(pid: number): { parent: number; caught: bigint } | null {
  try {
    const text = fs.readFileSync(`/proc/${pid}/status`, 'latin1')
    const field = (key: string) => new RegExp(`^${key}:\\s*(\\w+)`, 'm').exec(text)?.[1] ?? '0'
    return { parent: Number(field('PPid')), caught: BigInt(`0x${field('SigCgt')}`) }
  } catch {
    return null
  }
}

const transparent = /^((ba|da|a|z|k|mk)?sh|busybox|tini|tini-static|dumb-init|catatonit|docker-init)$/

/**
 * The process that the variables of the supervisor are for (LISTEN_PID of sd_listen_fds(3)), if this process may act for
 * it: only shells and init programs, which pass descriptors on, are between the two. Otherwise the pid of this process.
 */
export function addressee(env: NodeJS.ProcessEnv = process.env): number {
  const addressed = Number(env.LISTEN_PID)
  if (!(addressed > 1) || addressed === process.pid) return process.pid
  for (let pid = process.ppid; pid > 1 && isTransparent(pid); pid = readStatus(pid)?.parent ?? 0)
    if (pid === addressed) return hasSockets(Number(env.LISTEN_FDS ?? 0)) ? addressed : process.pid
  return process.pid
}

function isTransparent(pid: number): boolean {
  try {
    return transparent.test(path.basename(fs.readlinkSync(`/proc/${pid}/exe`)))
  } catch {
    return false
  }
}

function hasSockets(count: number): boolean {
  try {
    return Array.from({ length: count }, (_, index) => fs.fstatSync(3 + index)).every((stat) =>
      stat.isSocket(),
    )
  } catch {
    return false
  }
}
