import fs from 'node:fs'
import { constants } from 'node:os'
import path from 'node:path'

/**
 * `npm start` and its like run a shell that runs the program. npm gives SIGTERM to the shell, and most shells die
 * of it and leave the program behind (dash does; bash replaces itself by a single command). In a container npm is
 * pid 1, ends as well, and the kernel kills the program in the middle of its answers.
 *
 * So the preload, which npm has inherited, gives the signal to the programs themselves. The shell and npm end
 * behind them, with their exit code. A terminal sends SIGINT to all of them itself, and a second one would mean
 * something else.
 */
export function passOn(signal: NodeJS.Signals): boolean {
  if (signal !== 'SIGTERM') return false
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
  /** One bit for each signal that it has a handler for. */
  caught: bigint
}

/** Below `parent`, on each branch the first process that has a handler: what is behind it is its own business. */
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

/** From proc(5); none where there is no such file system. */
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
