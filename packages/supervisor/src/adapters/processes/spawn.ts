import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import type { Exit, Result } from '../../model/index.js'
import { failed, ok } from '../../model/index.js'
import { commandLine, startTime } from '../linux/proc.js'
import { errorCode } from '../linux/posix.js'
import type { LaunchPlan } from '../launch/index.js'
import type { StopOptions } from './stop.js'
import { groupStop } from './stop.js'

/** LISTEN_PID must be the pid of the program (sd_listen_fds(3)). It is known only after the fork, and exec keeps it. */
const script = 'LISTEN_PID=$$ exec "$@"'
/** $0 of the shell. Its error messages begin with it, which tells them from those of programs. */
const shellName = 'handover-exec'
const setpriv = '/usr/bin/setpriv'

export interface LiveProcess {
  pid: number
  startTime: string
  /** Resolves when the process has exited and was reaped, and nothing of its group is left, see `groupStop`. */
  exit: Promise<Exit>
  /** Sends the stop signal, see `groupStop`. Must not be called after the exit. */
  terminate(signal: string): void
}

/** How the group of a process is stopped. */
export type StopPolicy = Pick<StopOptions, 'serves' | 'limitMs'>

/**
 * Starts a shell, as the leader of its own session and process group, that executes the program in its place. Fails
 * with `CannotStart`.
 */
export async function spawnDetached(
  plan: LaunchPlan,
  output: number | 'inherit',
  fds: number[],
  policy: StopPolicy,
): Promise<Result<LiveProcess>> {
  const identity = identityOf(plan)
  const child = spawn('/bin/sh', ['-c', script, shellName, ...identity.prefix, ...plan.argv], {
    cwd: plan.cwd,
    env: plan.env,
    detached: true,
    stdio: ['ignore', output, output, ...fds],
    ...identity.options,
  })
  const { pid } = child
  if (pid === undefined) return failed('CannotStart', explain(plan, await spawnError(child)))
  const stop = groupStop({ ...policy, leader: pid })
  const exit = new Promise<Exit>((resolve) => {
    child.on('exit', (code, signal) => void stop.finish().then(() => resolve({ code, signal })))
  })
  // The child is not reaped before this turn of the event loop ends, so it exists, at least as a zombie.
  const started = startTime(pid)
  if (started === null) throw new Error(`/proc/${pid}/stat cannot be read`)
  return ok({ pid, startTime: started, exit, terminate: (signal) => stop.begin(signal) })
}

/**
 * Resolves with true once the shell has executed the program, or with false if it exited before that was seen. The
 * kernel does not report an execve(2), so this polls; it takes about 1 ms.
 */
export async function becameProgram({ pid, exit }: LiveProcess): Promise<boolean> {
  let ended = false
  void exit.then(() => (ended = true))
  while (!ended) {
    const argv = commandLine(pid)
    if (argv.length > 0 && !isLauncher(argv)) return true
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  return false
}

/** Whether the shell exited because it could not execute the program. Programs can exit with 126 or 127 too. */
export function couldNotExecute(exit: Exit, output: string[] | null): boolean {
  if (exit.code !== 126 && exit.code !== 127) return false
  return output === null || output.some((line) => /^(handover-exec|setpriv): /.test(line))
}

const isLauncher = ([program, second, third]: string[]): boolean =>
  (program === '/bin/sh' && second === '-c' && third === script) || program === setpriv

/**
 * Node can set user and group, but then drops all supplementary groups (setgroups(2) with an empty list). If there are
 * any, setpriv(1) sets all three.
 */
function identityOf({ uid, gid, groups = [] }: LaunchPlan): {
  prefix: string[]
  options: { uid?: number; gid?: number }
} {
  const supplementary = groups.filter((group) => group !== gid)
  if (supplementary.length === 0 || uid === undefined || !existsSync(setpriv))
    return { prefix: [], options: { uid, gid } }
  const all = [...(gid === undefined ? [] : [gid]), ...supplementary].join(',')
  const primary = gid === undefined ? [] : [`--regid=${gid}`]
  return { prefix: [setpriv, `--reuid=${uid}`, ...primary, `--groups=${all}`, '--'], options: {} }
}

function spawnError(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => child.once('error', (error) => resolve(errorCode(error))))
}

function explain({ argv, cwd, uid, gid }: LaunchPlan, code: string): string {
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return existsSync(cwd)
        ? '"/bin/sh" does not exist, and it is needed to start programs'
        : `the folder "${cwd}" does not exist`
    case 'EACCES':
      return `no permission to enter the folder "${cwd}"`
    case 'EPERM':
      return `only root can start a program as user ${uid ?? '-'} and group ${gid ?? '-'}`
    case 'E2BIG':
      return `the arguments and the environment of "${argv[0]}" are too long`
    default:
      return `"${argv[0]}" could not be started: ${code}`
  }
}
