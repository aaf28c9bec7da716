import { spawn } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { signalGroup } from '#shared/signal-group.js'
import type { ProbeHandler } from '../../model/index.js'
import type { Outcome, TryContext } from './outcome.js'
import { healthy, unhealthy } from './outcome.js'

const maxOutputLength = 4096

/** Variables for the instance only: a probe must neither use its sockets nor send messages on its behalf. */
const instanceVariables = /^(LISTEN_|NOTIFY_SOCKET|WATCHDOG_|HANDOVER_|PM2_)/

/** Healthy if the program exits with 0. It runs in the instance's folder, with its environment and as its user. */
export function execProbe(
  { command }: Extract<ProbeHandler, { type: 'exec' }>,
  { target, signal, timeoutSeconds }: TryContext,
): Promise<Outcome> {
  const [program = '', ...words] = command
  const asked = `"${command.join(' ')}"`
  return new Promise((resolve) => {
    const child = spawn(program, words, {
      ...contextOf(target.pid),
      // Its own process group, so that everything it started is killed with it.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    const collect = (chunk: string) => {
      output = (output + chunk).slice(-maxOutputLength)
    }
    child.stdout.setEncoding('utf8').on('data', collect)
    child.stderr.setEncoding('utf8').on('data', collect)

    const end = (outcome: Outcome) => {
      signal.removeEventListener('abort', onAbort)
      resolve(outcome)
    }
    const onAbort = () => {
      if (child.pid !== undefined) signalGroup(child.pid, 'SIGKILL')
      end(unhealthy(`${asked} did not exit within ${timeoutSeconds} s${lastLine(output)}`))
    }
    signal.addEventListener('abort', onAbort, { once: true })
    child.on('error', (error) => end(unhealthy(`${asked} could not be run: ${error.message}`)))
    child.on('exit', (code, signalName) => {
      // A process that it left behind may hold the pipes open, so do not wait for their end.
      setImmediate(() => {
        child.stdout.destroy()
        child.stderr.destroy()
        if (code === 0) return end(healthy(`${asked} exited with 0`))
        const how = code === null ? `was killed by ${signalName}` : `exited with ${code}`
        end(unhealthy(`${asked} ${how}${lastLine(output)}`))
      })
    })
  })
}

function lastLine(output: string): string {
  const line = output.trim().split('\n').at(-1) ?? ''
  return line === '' ? '' : `: ${line.slice(0, 200)}`
}

interface ProcessContext {
  cwd?: string
  env?: NodeJS.ProcessEnv
  uid?: number
  gid?: number
}

/** Folder, environment and user of the process (proc(5)). Those of the supervisor if they cannot be read. */
function contextOf(pid: number): ProcessContext {
  try {
    const { uid, gid } = statSync(`/proc/${pid}`)
    const other = process.getuid?.() === 0 && uid !== 0
    const variables = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
    const pairs = variables.filter((variable) => variable.includes('=') && !instanceVariables.test(variable))
    return {
      cwd: `/proc/${pid}/cwd`, // Not its path: the folder may have been deleted.
      env: Object.fromEntries(pairs.map(splitPair)),
      ...(other && { uid, gid }),
    }
  } catch {
    return {}
  }
}

function splitPair(pair: string): [string, string] {
  const at = pair.indexOf('=')
  return [pair.slice(0, at), pair.slice(at + 1)]
}
