import { execFile, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { until } from '../../until.js'
import { dieWithParent, programOf } from '../programs.js'
import type { Sandbox } from './sandbox.js'

export interface ProcessPlan {
  command: string[]
  workingDir: string
  env: Record<string, string>
  /** The file that its stdout and stderr are appended to. */
  log: string
}

/** A container's processes: the command is pid 1 of its own, and what it started ends with it. */
export interface ContainerProcess {
  ended: Promise<{ exitCode: number; signal: string | null }>
  signal(name: NodeJS.Signals): Promise<void>
  /** Runs a command beside it, in its environment; the exit code, and what it printed. */
  exec(command: string[], timeoutSeconds: number): Promise<{ code: number; output: string }>
}

export function startProcess(sandbox: Sandbox, plan: ProcessPlan): ContainerProcess {
  const output = openSync(plan.log, 'a')
  const own = ['unshare', '--pid', '--fork', '--kill-child=KILL', '--mount-proc', '--', ...plan.command]
  const options = { cwd: plan.workingDir, env: plan.env }
  const child = spawn('setpriv', [...dieWithParent, ...sandbox.enter, ...own], {
    ...options,
    stdio: ['ignore', output, output],
  })
  closeSync(output)
  const program = programOf(child)
  let over = false
  let killed = false
  const ended = program.ended.then(({ code, signal }) => {
    over = true
    // unshare ends as its child did, but util-linux 2.38 fails (1) to end by SIGKILL, which no process can unblock.
    if (killed && code === 1) return { exitCode: 137, signal: 'SIGKILL' }
    // A shell's numbers are a container's too.
    return { exitCode: code ?? 128 + (signal === 'SIGKILL' ? 9 : 15), signal }
  })

  /** The pid of its pid 1 out here; 0 when it has ended. */
  async function init(): Promise<number> {
    let pid = 0
    await until(() => over || (pid = firstChild(program.pid)) > 0, 'the container has its first process')
    return over ? 0 : pid
  }
  return {
    ended,
    async signal(name) {
      const pid = await init()
      if (pid === 0) return
      try {
        killed ||= name === 'SIGKILL'
        process.kill(pid, name)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
      }
    },
    async exec(command, timeoutSeconds) {
      const inside = ['--target', String(await init()), '--pid', '--net', '--uts', '--ipc', '--mount', '--']
      return new Promise((resolve) => {
        const limits = { ...options, timeout: timeoutSeconds * 1000, killSignal: 'SIGKILL' as const }
        execFile('nsenter', [...inside, ...command], limits, (error, stdout, stderr) => {
          const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 128
          resolve({ code, output: `${stdout}${stderr}`.trim() })
        })
      })
    },
  }
}

function firstChild(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0])
  } catch {
    return 0
  }
}
