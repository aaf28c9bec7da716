import { execFile, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'

/** Dies with this process, even when that one is killed. */
const bound = ['--pdeathsig', 'KILL', '--']

/** A program that runs as long as the cluster does. */
export interface Program {
  readonly pid: number
  /** How it ended. */
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  /** Ends it with the signal, default SIGKILL: nothing that it has is kept. */
  stop(signal?: NodeJS.Signals): Promise<void>
}

/** Starts a program that logs to a file, after what is there already. */
export function start(command: string[], log: string, options: { env?: NodeJS.ProcessEnv } = {}): Program {
  const output = openSync(log, 'a')
  const child = spawn('setpriv', [...bound, ...command], { ...options, stdio: ['ignore', output, output] })
  closeSync(output)
  return programOf(child)
}

export function programOf(child: ChildProcess): Program {
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }))
    child.once('error', () => resolve({ code: 127, signal: null }))
  })
  return {
    pid: child.pid ?? 0,
    ended,
    async stop(signal = 'SIGKILL') {
      child.kill(signal)
      await ended
    },
  }
}

/** Runs a short command to its end; throws with what it said when it fails. */
export function run(file: string, args: string[], options: { cwd?: string } = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(file, args, options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout)
      else reject(new Error(`"${[file, ...args].join(' ')}" failed: ${stderr.trim() || error.message}`))
    })
  })
}

export { bound as dieWithParent }
