import fs from 'node:fs'
import { constants } from 'node:os'
import path from 'node:path'

/**
 * `npm start` and similar commands run a shell that runs the program. npm sends SIGTERM to the shell, and most shells
 * exit without the program (dash does; bash executes a single command in its place). In a container, npm is pid 1. When
 * it exits, too, the kernel kills the program during its responses.
 *
 * So the preload, which npm has inherited, signals the programs themselves. The shell and npm end after them, with
 * their exit code. Returns false if there was nothing to signal. SIGINT is left alone: a terminal sends it to all of
 * them, and a second one has another meaning.
 */
export function passOn(signal: NodeJS.Signals): boolean {
  if (signal === 'SIGINT') return false
  if (!launchers.test(path.basename(process.argv[1] ?? ''))) return false
  const programs = firstCatchers(process.pid, signal, allProcesses())
  for (const pid of programs) process.kill(pid, signal)
  return programs.length > 0
}

/** `/usr/bin/npm`, `npm-cli.js`, `yarn-4.9.2.cjs`, `pnpm.mjs`. */
const launchers = /^(npm|npx|pnpm|pnpx|yarn|yarnpkg)(-cli)?(-[\d.]+)?(\.[cm]?js)?$/

interface ProcessStatus {
  pid: number
  parent: number
  /** SigCgt, proc_pid_status(5): one bit for each signal with a handler. */
  caught: bigint
}

/** Below `parent`, the first process on each branch that has a handler: it is responsible for its own children. */
export function firstCatchers(
  parent: number,
  signal: NodeJS.Signals,
  processes: readonly ProcessStatus[],
): number[] {
  const bit = BigInt(constants.signals[signal] - 1)
  return processes
    .filter((child) => child.parent === parent)
    .flatMap(({ pid, caught }) => ((caught >> bit) & 1n ? [pid] : firstCatchers(pid, signal, processes)))
}

/** From proc(5). Empty if it is not mounted. */
function allProcesses(): ProcessStatus[] {
  return listed().flatMap((name) => {
    try {
      const status = fs.readFileSync(`/proc/${name}/status`, 'latin1')
      const field = (key: string) => new RegExp(`^${key}:\\s*(\\w+)`, 'm').exec(status)?.[1] ?? '0'
      return [{ pid: Number(name), parent: Number(field('PPid')), caught: BigInt(`0x${field('SigCgt')}`) }]
    } catch {
      return [] // it has just ended
    }
  })
}

function listed(): string[] {
  try {
    return fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  } catch {
    return []
  }
}
