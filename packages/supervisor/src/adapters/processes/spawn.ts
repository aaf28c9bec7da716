import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { signalGroup } from '#shared/signal-group.js'
import type { Exit, Result } from '../../model/index.js'
import { failed, ok } from '../../model/index.js'
import { commandLine, startTime } from '../linux/proc.js'
import { errorCode } from '../linux/posix.js'
import type { LaunchPlan } from '../launch/index.js'

/** sd_listen_fds(3) wants the process's own pid, which nobody knows before the fork; exec keeps it. */
const script = 'LISTEN_PID=$$ exec "$@"'
/** The shell's $0: its own complaints begin with it, and no program's do. */
const shellName = 'handover-exec'
const setpriv = '/usr/bin/setpriv'

export interface LiveProcess {
  pid: number
  startTime: string
  /** Resolves when the process has ended and is reaped, and what was left of its group is killed. */
  exit: Promise<Exit>
  /** SIGTERM; not to be called once it has ended. */
  terminate(): void
}

/** Starts the program as the leader of its own session and process group. Its pid is the one it will have. */
export async function spawnDetached(
  plan: LaunchPlan,
  output: number | 'inherit',
  fds: number[],
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
  const exit = new Promise<Exit>((resolve) => {
    child.on('exit', (code, signal) => {
      killGroup(pid)
      resolve({ code, signal })
    })
  })
  // A child cannot be reaped before this turn of the loop ends: it is there, be it as a zombie.
  const started = startTime(pid)
  if (started === null) throw new Error(`/proc/${pid}/stat cannot be read`)
  return ok({ pid, startTime: started, exit, terminate: () => process.kill(pid, 'SIGTERM') })
}

/**
 * Resolves once the shell has become the program (true), or has ended before that was seen (false). Nothing
 * tells of an execve(2); it takes about 1 ms.
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

/**
 * SIGKILL to the process group: what its leader leaves behind when it ends is ended too (systemd calls it
 * KillMode=mixed). The group's number cannot be another's while a member lives, and without members there is
 * nobody to kill.
 */
export const killGroup = (leader: number): void => signalGroup(leader, 'SIGKILL')

/** Whether the launcher ended because the program could not be executed, as against the program itself. */
export function couldNotExecute(exit: Exit, output: string[] | null): boolean {
  if (exit.code !== 126 && exit.code !== 127) return false
  return output === null || output.some((line) => /^(handover-exec|setpriv): /.test(line))
}

const isLauncher = ([program, second, third]: string[]): boolean =>
  (program === '/bin/sh' && second === '-c' && third === script) || program === setpriv

/**
 * Node can change user and group, and drops every further group when it does (setgroups(2) with none). Further
 * groups are left to setpriv(1).
 */
function identityOf({ uid, gid, groups = [] }: LaunchPlan): {
  prefix: string[]
  options: { uid?: number; gid?: number }
} {
  const further = groups.filter((group) => group !== gid)
  if (further.length === 0 || uid === undefined || !existsSync(setpriv))
    return { prefix: [], options: { uid, gid } }
  const all = [...(gid === undefined ? [] : [gid]), ...further].join(',')
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
        ? '"/bin/sh" does not exist, which starts every program'
        : `the folder "${cwd}" does not exist`
    case 'EACCES':
      return `the folder "${cwd}" may not be entered`
    case 'EPERM':
      return `only root may start a program as user ${uid ?? '-'} and group ${gid ?? '-'}`
    case 'E2BIG':
      return `the arguments and the environment of "${argv[0]}" are too long`
    default:
      return `"${argv[0]}" could not be started: ${code}`
  }
}
