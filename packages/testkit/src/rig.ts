import { execFile, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Receipt, Status } from 'handover/model'
import { pathsFor } from '../../supervisor/dist/config/paths.js'
import type { Operation } from '../../supervisor/dist/control/api.js'
import type { ControlClient } from '../../supervisor/dist/control/client.js'
import { controlClient } from '../../supervisor/dist/control/client.js'
import type { SmallDisk } from './small-disk.js'
import { until, within } from './until.js'

const bin = fileURLToPath(import.meta.resolve('handover/bin'))

export interface CommandResult {
  code: number
  stdout: string
  stderr: string
}

/**
 * A supervisor as its user has it: the real command, real processes, a home of its own. Everything that it
 * started is gone after `close`, also when the test failed in the middle.
 */
export interface Rig {
  home: string
  /** A folder for the service's files. */
  folder: string
  /** `handover <args>` with this rig's home and name; never throws on an exit code. */
  handover(...args: string[]): Promise<CommandResult>
  /** The same in the background, for commands that stay: `run`, `logs -f`, `status --watch`. */
  spawn(...args: string[]): ChildProcess
  /** What `handover status --json` prints, from the supervisor's control socket: no process is started. */
  status(): Promise<Status>
  /** `handover upgrade --json`: the exit code and the receipt. */
  upgrade(...args: string[]): Promise<{ code: number; receipt: Receipt; stderr: string }>
  /** What the commands ask the supervisor to do, without their process. Rejects if the supervisor refuses or ends. */
  operate(operation: Operation): Promise<{ code: number; receipts: Receipt[] }>
  close(): Promise<void>
}

export interface RigOptions {
  /** Default `test`. */
  name?: string
  env?: NodeJS.ProcessEnv
  /** Where its home is. Default: a folder in the one for temporary files. */
  disk?: SmallDisk
}

export function openRig({ name = 'test', env = {}, disk }: RigOptions = {}): Rig {
  const home = disk?.folder ?? mkdtempSync(join(tmpdir(), 'handover-'))
  const folder = mkdtempSync(join(tmpdir(), 'service-'))
  const [program = '', ...before] = [...(disk?.inside(folder) ?? []), process.execPath]
  const environment = { ...process.env, NO_COLOR: '1', ...env, HANDOVER_HOME: home }
  const children = new Set<ChildProcess>()
  const paths = pathsFor(name, environment, process.getuid?.() ?? 0)
  if (!paths.ok) throw new Error(paths.failure.message)
  const control = disk ? disk.outside(paths.value.control) : paths.value.control
  const client = controlClient(control, name)

  const handover = (...args: string[]): Promise<CommandResult> =>
    new Promise((resolve) => {
      execFile(
        program,
        [...before, bin, ...withName(args, name)],
        { env: environment, cwd: folder, timeout: 120_000, maxBuffer: 2 ** 26 },
        (error, stdout, stderr) => {
          const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 128
          resolve({ code, stdout, stderr })
        },
      )
    })

  return {
    home,
    folder,
    handover,
    spawn(...args) {
      const child = spawn(program, [...before, bin, ...withName(args, name)], {
        env: environment,
        cwd: folder,
      })
      children.add(child)
      child.once('exit', () => children.delete(child))
      return child
    },
    async status() {
      const answer = await statusOf(client)
      if (answer !== null) return answer
      const { stdout, stderr, code } = await handover('status', '--json')
      if (code !== 0) throw new Error(`status exited with ${code}: ${stderr}`)
      return JSON.parse(stdout) as Status
    },
    async upgrade(...args) {
      const { code, stdout, stderr } = await handover('upgrade', '--json', ...args)
      if (stdout === '') throw new Error(`upgrade exited with ${code} and printed no receipt: ${stderr}`)
      return { code, receipt: JSON.parse(stdout) as Receipt, stderr }
    },
    operate: (operation) => operate(client, operation),
    async close() {
      if (existsSync(control) && !(await stop(client).catch(() => false))) await handover('stop')
      await Promise.all([...children].map(ended))
      for (const path of disk ? [folder] : [home, folder]) rmSync(path, { recursive: true, force: true })
    },
  }
}

/** Null if the supervisor does not answer. */
async function statusOf(client: ControlClient): Promise<Status | null> {
  const answer = await within(client.status()).catch(() => null)
  return answer?.ok ? answer.value : null
}

async function operate(
  client: ControlClient,
  operation: Operation,
): Promise<{ code: number; receipts: Receipt[] }> {
  const lines = await client.operate(operation, AbortSignal.timeout(120_000))
  if (!lines.ok) throw new Error(`${operation.type}: ${lines.failure.message}`)
  let code: number | null = null
  const receipts: Receipt[] = []
  for await (const line of lines.value) {
    if (line.type === 'receipt') receipts.push(line.receipt)
    if (line.type === 'done') code = line.exitCode
  }
  if (code === null) throw new Error(`${operation.type}: the supervisor does not answer any more`)
  return { code, receipts }
}

/** As `handover stop`, and waits for the end of the supervisor. False if it did not stop everything. */
async function stop(client: ControlClient): Promise<boolean> {
  const status = await statusOf(client)
  if (status === null) return false
  const { code } = await operate(client, { type: 'stop' })
  if (code !== 0) return false
  await until(() => !existsSync(`/proc/${status.supervisor.pid}/exe`), 'the supervisor has ended')
  return true
}

/** `--name` goes before a `--`, behind which everything belongs to the service. */
function withName(args: string[], name: string): string[] {
  const at = args.indexOf('--')
  const own = at === -1 ? args : args.slice(0, at)
  return [...own, '--name', name, ...(at === -1 ? [] : args.slice(at))]
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve()
    child.once('exit', () => resolve())
    child.kill('SIGTERM')
  })
}
