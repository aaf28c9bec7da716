import { readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { constants } from 'node:os'
import { basename } from 'node:path'

const shells = /^((ba|da|a|z|k|mk)?sh|busybox)$/

/**
 * The processes that a signal for an instance is sent to: its leader, or, if that is a shell which runs the program as
 * its child, the first process on each branch below it that handles the signal. The shell itself would exit at once,
 * without the program, and it exits after the program anyway. A shell with a trap for the signal gets it itself.
 */
export function receiversOf(leader: number, signal: NodeJS.Signals): number[] {
  if (!isShell(leader)) return [leader]
  const bit = 1n << BigInt(constants.signals[signal] - 1)
  const processes = statuses()
  const own = processes.find(({ pid }) => pid === leader)
  if (own === undefined || (own.caught & bit) !== 0n) return [leader]
  const below = (parent: number): number[] =>
    processes
      .filter((process) => process.parent === parent)
      .flatMap(({ pid, caught }) => ((caught & bit) !== 0n ? [pid] : below(pid)))
  const found = below(leader)
  return found.length > 0 ? found : [leader]
}

function isShell(pid: number): boolean {
  try {
    return shells.test(basename(readlinkSync(`/proc/${pid}/exe`)))
  } catch {
    return false
  }
}

/** Parents and handled signals of all processes, from proc_pid_status(5). */
function statuses(): { pid: number; parent: number; caught: bigint }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const text = readFileSync(`/proc/${name}/status`, 'latin1')
        const field = (key: string) => new RegExp(`^${key}:\\s*(\\w+)`, 'm').exec(text)?.[1] ?? '0'
        return [{ pid: Number(name), parent: Number(field('PPid')), caught: BigInt(`0x${field('SigCgt')}`) }]
      } catch {
        return [] // it has just ended
      }
    })
}
