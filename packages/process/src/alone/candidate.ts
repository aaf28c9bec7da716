import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { signalGroup } from '#shared/signal-group.js'
import type { PassedListener } from '../listeners/passed-listeners.js'
import type { Environment } from '../protocol/environment.js'
import type { CommandLine } from '../system/command-line.js'
import { identityOf, stillRunning } from '../system/process-identity.js'

/** A process that was started to replace this one, and is not ready yet. */
export interface Candidate {
  readonly pid: number
  /** Resolves when it has ended, with a clause that says how: `exited with 1`, `was killed by SIGKILL`. */
  readonly gone: Promise<string>
  /** Sends SIGTERM, and SIGKILL after `graceMs`. Resolves when it has ended. */
  end(graceMs: number): Promise<void>
  /** Stops watching it, once it has replaced this process. */
  release(): void
}

export interface StartOptions {
  listeners: readonly PassedListener[]
  /** The variables that the service manager passed to this process. The child gets the same. */
  environment: Environment
  /** Path of the socket to which the child connects. */
  predecessor: string
}

/**
 * Runs this process's command line again, with the listeners as descriptors from 3 up (sd_listen_fds(3)). LISTEN_PID
 * must be the pid of the program itself, so a shell sets it to its own pid and executes the program.
 *
 * The child leads a session of its own (setsid(2)), so that it can be killed together with all processes it started.
 */
export async function startChild(line: CommandLine, options: StartOptions): Promise<Candidate> {
  const managed = options.environment.NOTIFY_SOCKET !== undefined
  const pidFile = path.join(path.dirname(options.predecessor), 'pid')
  const child = spawn('/bin/sh', ['-c', managed ? orphan : become, pidFile, line.program, ...line.args], {
    cwd: line.cwd,
    env: childEnvironment(line, options),
    stdio: ['inherit', 'inherit', 'inherit', ...options.listeners.map(({ fd }) => fd)],
    detached: true,
  })
  await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject))
  return managed ? orphanedCandidate(child, pidFile) : childCandidate(child)
}

const become = 'LISTEN_PID=$$ exec "$@"'

/**
 * Used under a service manager. systemd waits for the end of a main process only if that was its own child when
 * MAINPID= named it. Otherwise it sends SIGKILL right after SIGTERM. So the shell in between writes the pid to the file
 * in its $0 and exits at once. A process that a shell starts in the background reads from /dev/null.
 */
const orphan = `/bin/sh -c '${become}' sh "$@" & echo $! > "$0"`

function childCandidate(child: ChildProcess): Candidate {
  const gone = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) =>
      resolve(signal === null ? `exited with ${code}` : `was killed by ${signal}`),
    )
  })
  const pid = child.pid ?? 0
  return { pid, gone, end: (graceMs) => endGroup(pid, gone, graceMs), release: () => child.unref() }
}

/** Its exit code is not known here: only its parent, systemd, can read it. */
async function orphanedCandidate(shell: ChildProcess, pidFile: string): Promise<Candidate> {
  await once(shell, 'exit')
  const process = identityOf(Number(fs.readFileSync(pidFile, 'utf8')))
  let timer: NodeJS.Timeout | undefined
  const gone = new Promise<string>((resolve) => {
    timer = setInterval(() => {
      if (stillRunning([process]).length > 0) return
      clearInterval(timer)
      resolve('ended')
    }, lookMs)
  })
  return {
    pid: process.pid,
    gone,
    end: (graceMs) => endGroup(shell.pid ?? 0, gone, graceMs),
    release: () => clearInterval(timer),
  }
}

async function endGroup(leader: number, gone: Promise<string>, graceMs: number): Promise<void> {
  signalGroup(leader, 'SIGTERM')
  const timer = setTimeout(() => signalGroup(leader, 'SIGKILL'), graceMs)
  await gone
  clearTimeout(timer)
  signalGroup(leader, 'SIGKILL') // the processes that it started
}

/** The kernel reports only the end of child processes. The end of any other process is polled. */
const lookMs = 50

/** WATCHDOG_PID is removed: it would name this process, but the child must send keep-alive pings, too. */
function childEnvironment(
  line: CommandLine,
  { listeners, environment, predecessor }: StartOptions,
): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = {
    ...line.env,
    ...environment,
    PWD: line.cwd,
    HANDOVER_PREDECESSOR: predecessor,
  }
  delete env.WATCHDOG_PID
  delete env.LISTEN_PID
  delete env.LISTEN_FDS
  delete env.LISTEN_FDNAMES
  if (listeners.length === 0) return env
  return {
    ...env,
    LISTEN_FDS: String(listeners.length),
    LISTEN_FDNAMES: listeners.map(({ name }) => name).join(':'),
  }
}
