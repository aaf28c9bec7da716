import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, watch, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Changes, freePort, until } from '@handover/testkit'
import type { LoadReport } from '../../dist/verify/index.js'
import { ask } from '../systemd/rig.js'

const library = new URL('../../../process/', import.meta.url)
export const fixture = (name: string): string => fileURLToPath(new URL(`test/fixtures/${name}`, library))

export interface LoneOptions {
  env?: Record<string, string>
  /** Preload the zero-code mode. Default true. */
  register?: boolean
  /** Creates the files that the program needs in the folder. Called before the program is started. */
  prepare?: (folder: string) => { cwd?: string; env?: Record<string, string> }
  /** Arguments of Node instead of the program's path. */
  args?: string[]
  /** User of the first generation. Default: the user that runs the tests. */
  uid?: number
}

/** A program without a supervisor, and all its generations. */
export interface Lone {
  readonly port: number
  readonly folder: string
  /** What all generations have printed. */
  output(): string
  /** Pid of the generation that serves. */
  pid(): number
  /** Sends SIGUSR2. Resolves with the pid of the next generation, once that is in the pid file. */
  upgrade(): Promise<number>
  /** Resolves when the output contains the text. */
  untilOutput(text: string): Promise<void>
  /** Resolves when the output after its first `from` characters matches the pattern. */
  untilOutputMatches(pattern: RegExp, from: number): Promise<void>
  /** `listens` resolves when the port accepts connections, `accepts` when HTTP requests are answered. */
  listens(): Promise<void>
  accepts(): Promise<void>
  /** Runs the same command line a second time, as the user `uid` if given. */
  startAnother(uid?: number): void
  /** Resolves with the pid of the generation that serves, once the condition holds for it. */
  until(condition: (pid: number) => boolean): Promise<number>
}

export async function openLone(t: TestContext, program: string, options: LoneOptions = {}): Promise<Lone> {
  const folder = mkdtempSync(join(tmpdir(), 'lone-'))
  const port = await freePort()
  const pidFile = join(folder, 'pid')
  const { args, register = true } = options
  const preload = register ? ['--import', new URL('dist/register.js', library).href] : []
  // A release of its own, which a test may overwrite.
  writeFileSync(join(folder, 'app.cjs'), serve('one'))
  const prepared = options.prepare?.(folder) ?? {}
  const cwd = prepared.cwd ?? folder
  const start = (uid = process.geteuid?.() ?? 0) =>
    spawn(process.execPath, [...preload, ...(args ?? [program])], {
      cwd,
      uid,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        PWD: cwd,
        TMPDIR: folder,
        PORT: String(port),
        HANDOVER_UPGRADE_SIGNAL: 'SIGUSR2',
        HANDOVER_PID_FILE: pidFile,
        HANDOVER_DRAIN_SECONDS: '5',
        HANDOVER_IDLE_SECONDS: '2',
        ...options.env,
        ...prepared.env,
      },
    })
  const children: ChildProcess[] = []
  let output = ''
  const events = new Changes()
  const wake = () => events.changed()
  const launch = (uid?: number) => {
    const child = start(uid)
    children.push(child)
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        output += String(chunk)
        wake()
      })
    }
    child.on('exit', wake)
  }
  launch(options.uid)
  const watcher = watch(folder, wake)
  t.after(() => end(children, watcher.close.bind(watcher), folder))

  const pid = () => Number(readIfThere(pidFile))
  const soFar = (what: string) => () => `${what}; output: ${output}`
  const untilPid = async (condition: (pid: number) => boolean) => {
    let current = 0
    const holds = () => (current = pid()) > 0 && condition(current)
    await events.until(holds, soFar('the pid file has the pid of the next generation'), 20)
    return current
  }

  // A program that cannot start writes no pid file: its output has the reason.
  const begun = () => pid() > 0 || children.every(({ exitCode }) => exitCode !== null)
  await events.until(begun, soFar('the pid file is there'), 20)
  if (pid() === 0) throw new Error(output)
  return {
    port,
    folder,
    output: () => output,
    pid,
    until: untilPid,
    async upgrade() {
      const current = pid()
      process.kill(current, 'SIGUSR2')
      return untilPid((next) => next !== current)
    },
    untilOutputMatches: (pattern, from) =>
      events.until(() => pattern.test(output.slice(from)), soFar(`the output matches ${pattern}`), 20),
    async listens() {
      await until(() => canConnect(port), `a process listens at ${port}`)
    },
    async accepts() {
      const answers = () =>
        ask(port).then(
          () => true,
          () => false,
        )
      await until(answers, `a process answers at ${port}`)
    },
    startAnother: launch,
    untilOutput: (text) => events.until(() => output.includes(text), soFar(`the output has "${text}"`), 20),
  }
}

/** Kills every generation, whatever state the test ended in. All of them have the folder in their environment. */
async function end(children: ChildProcess[], unwatch: () => void, folder: string): Promise<void> {
  unwatch()
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    if (!readIfThere(`/proc/${pid}/environ`).includes(`TMPDIR=${folder}\0`)) continue
    process.kill(Number(pid), 'SIGKILL')
  }
  for (const child of children) {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null)
      await new Promise<void>((resolve) => child.once('exit', () => resolve()))
  }
  rmSync(folder, { recursive: true, force: true })
}

export function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}

/** Resolves once the new generation answers. The old one also accepts until its drain has begun. */
export function answers(port: number, text: string): Promise<void> {
  return until(async () => (await ask(port)) === text, `"${text}" is answered`)
}

/** A release that answers with its name and its pid. */
export const serve = (name: string): string => `require('node:http')
  .createServer((request, response) => response.end('${name} ' + process.pid))
  .listen(process.env.PORT, () => console.log('${name} listens'))
`

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

/** A release like that of `serve`, which listens only once the test has created the file `go` in its folder. */
export const serveOnGo = (name: string): string => `const { existsSync } = require('node:fs')
console.log('${name} waits')
const wait = setInterval(() => {
  if (!existsSync('go')) return
  clearInterval(wait)
  ${serve(name)}
}, 10)
`

export function assertFlawless(t: TestContext, report: LoadReport): void {
  t.diagnostic(`${report.answered} answered, ${report.failed} failed`)
  assert.equal(report.failed, 0, JSON.stringify(report.failures.slice(0, 5), null, 2))
  assert.ok(report.answered > 0)
}
