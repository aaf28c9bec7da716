import { readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { basename } from 'node:path'
import { signalNumber } from './signals.js'

const shells = /^((ba|da|a|z|k|mk)?sh|busybox)$/
/** They pass a signal on to their child only, which can be a shell, and exit with their child. */
const inits = /^(tini|tini-static|dumb-init|catatonit|docker-init)$/

/** From proc_pid_status(5). */
interface Status {
  pid: number
  parent: number
  threads: number
  /** The signals with a handler, and those that are blocked: a program that calls sigwait(3) blocks its own. */
  handled: bigint
}

/**
 * The processes that a signal for an instance is sent to: its leader, or, if that only waits for the program that it has
 * started (see `isLauncher`), the first process on each branch below it that handles the signal. A shell itself would
 * exit at once, without the program, and it exits after the program anyway. A shell with a trap for the signal gets it
 * itself, and so does one whose programs do not handle the signal.
 */
export function receiversOf(leader: number, signal: string): number[] {
  const processes = statuses()
  const own = processes.find(({ pid }) => pid === leader)
  if (own === undefined || takes(own, signal) || !isLauncher(leader)) return [leader]
  const below = (parent: number): number[] =>
    processes
      .filter((process) => process.parent === parent)
      .flatMap((child) => (takes(child, signal) ? [child.pid] : below(child.pid)))
  const found = below(leader)
  return found.length > 0 ? found : [leader]
}

/** Whether the process handles the signal itself. Init programs do not count: they only pass it on. */
export function handlesSignal(pid: number, signal: string): boolean {
  const status = statusOf(pid)
  return status !== null && takes(status, signal)
}

/**
 * Whether the process runs the program of the instance as its child and serves nothing itself: a shell, an init program,
 * or one whose only thread waits for a child (wait4(2), which proc_pid_wchan(5) shows), such as time(1) and flock(1).
 */
export function isLauncher(pid: number): boolean {
  const name = programOf(pid)
  if (shells.test(name) || inits.test(name)) return true
  return statusOf(pid)?.threads === 1 && (readText(`/proc/${pid}/wchan`) ?? '').startsWith('do_wait')
}

const takes = ({ pid, handled }: Status, signal: string): boolean =>
  ((handled >> BigInt(signalNumber(signal) - 1)) & 1n) !== 0n && !inits.test(programOf(pid))

function programOf(pid: number): string {
  try {
    return basename(readlinkSync(`/proc/${pid}/exe`))
  } catch {
    return '' // it has ended, or belongs to another user
  }
}

function statuses(): Status[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => statusOf(Number(name)) ?? [])
}

/** Null if the process has ended. */
function statusOf(pid: number): Status | null {
  const text = readText(`/proc/${pid}/status`)
  if (text === null || /^State:\s*[ZX]/m.test(text)) return null
  const field = (key: string) => new RegExp(`^${key}:\\s*(\\w+)`, 'm').exec(text)?.[1] ?? '0'
  return {
    pid,
    parent: Number(field('PPid')),
    threads: Number(field('Threads')),
    handled: BigInt(`0x${field('SigCgt')}`) | BigInt(`0x${field('SigBlk')}`),
  }
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return null
  }
}
