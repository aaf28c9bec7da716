import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { ConnectionAccount, InstanceMessage } from '@handover/process/protocol'
import type { HeldSocket } from './sockets.js'

const fixtures = fileURLToPath(new URL('../test/fixtures/', import.meta.url))
const dist = fileURLToPath(new URL('../dist/', import.meta.url))

/** NODE_UNDER_TEST: another Node than the one that runs the tests, to try the other supported versions. */
const node = process.env.NODE_UNDER_TEST ?? process.execPath
/** Major and minor number of its version. */
export const nodeVersion = execFileSync(node, ['-p', 'process.versions.node'], { encoding: 'utf8' })
  .split('.')
  .slice(0, 2)
  .map(Number)

/** PRELOAD_UNDER_TEST=bundle: the preload in one file, as a supervisor injects it. */
const bundled = process.env.PRELOAD_UNDER_TEST === 'bundle'

export interface AppOptions {
  /** By name: they become LISTEN_FDS, in this order. */
  listeners?: Record<string, HeldSocket>
  env?: Record<string, string>
  /** Preload the zero-code mode. Default true. `dist`: another copy of this package's dist folder. */
  register?: boolean | { dist: string }
  /** As `ulimit -n`. */
  openFiles?: number
  /** Give it none of the variables of a supervisor. */
  unsupervised?: boolean
}

type MessageOf<T extends InstanceMessage['type']> = Extract<InstanceMessage, { type: T }>

/** A fixture in a process of its own, and the supervisor's end of its channel. */
export class App {
  readonly folder: string
  readonly messages: InstanceMessage[] = []
  output = ''
  readonly exited: Promise<{ code: number | null; signal: string | null }>
  readonly #child: ChildProcess
  readonly #supervisor: net.Server
  readonly #connections = new Set<net.Socket>()
  #arrived: (() => void)[] = []

  private constructor(child: ChildProcess, supervisor: net.Server, folder: string) {
    this.#child = child
    this.#supervisor = supervisor
    this.folder = folder
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk) => {
        this.output += String(chunk)
        this.#wake()
      })
    }
    this.exited = once(child, 'exit').then(([code, signal]) => ({
      code: code as number | null,
      signal: signal as string | null,
    }))
    void this.exited.then(() => this.#wake())
    supervisor.on('connection', (socket) => this.#read(socket))
  }

  static async start(fixture: string, options: AppOptions = {}): Promise<App> {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'handover-'))
    const supervisor = net.createServer().listen(path.join(folder, 'channel'))
    await once(supervisor, 'listening')
    const listeners = Object.entries(options.listeners ?? {})
    const args = preloadArguments(options.register ?? true)
    // sd_listen_fds(3) wants the pid of the program itself: exec keeps it.
    const child = spawn(
      '/bin/sh',
      [
        '-c',
        `${limit(options)}LISTEN_PID=$$ exec "$@"`,
        'sh',
        node,
        ...args,
        path.resolve(fixtures, fixture),
      ],
      {
        stdio: ['ignore', 'pipe', 'pipe', ...listeners.map(([, { fd }]) => fd)],
        detached: true,
        env: {
          ...process.env,
          ...(options.unsupervised === true ? {} : supervision(folder, listeners)),
          NODE_OPTIONS: '',
          ...probeFolder(folder, options.env),
        },
      },
    )
    return new App(child, supervisor, folder)
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** The first message of that type, as soon as it is there; rejects if the process ends without it. */
  async message<T extends InstanceMessage['type']>(type: T, timeoutMs = 15_000): Promise<MessageOf<T>> {
    const deadline = Date.now() + timeoutMs
    for (;;) {
      const found = this.messages.find((message): message is MessageOf<T> => message.type === type)
      if (found !== undefined) return found
      if (this.#child.exitCode !== null || this.#child.signalCode !== null || Date.now() > deadline) {
        throw new Error(
          `No "${type}" came; output: ${this.output}; messages: ${JSON.stringify(this.messages)}`,
        )
      }
      await this.#change(deadline - Date.now())
    }
  }

  /** Resolves when the condition holds; looked at whenever something has come. */
  async until(condition: () => boolean, timeoutMs = 15_000): Promise<void> {
    const deadline = Date.now() + timeoutMs
    while (!condition()) {
      if (Date.now() > deadline)
        throw new Error(`Timed out; output: ${this.output}; messages: ${JSON.stringify(this.messages)}`)
      await this.#change(deadline - Date.now())
    }
  }

  /** Resolves when the output contains the text. */
  said(text: string): Promise<void> {
    return this.until(() => this.output.includes(text))
  }

  signal(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal)
  }

  /** Writes to the process as its supervisor would, or as a broken one might. */
  sendRaw(text: string): void {
    for (const socket of this.#connections) socket.write(text)
  }

  dropConnections(): void {
    for (const socket of this.#connections) socket.destroy()
  }

  /** SIGTERM, after it was told who takes its connections; then the exit. */
  async handOverTo(...successors: App[]): Promise<{ code: number | null; signal: string | null }> {
    await this.nameSuccessors(...successors)
    return this.stop()
  }

  /** As a supervisor does it. */
  async nameSuccessors(...successors: App[]): Promise<void> {
    const adopting = await Promise.all(successors.map((successor) => successor.message('adopts')))
    this.sendRaw(JSON.stringify({ type: 'successors', sockets: adopting.map(({ path }) => path) }) + '\n')
  }

  /** The newest figures that it has told. */
  get account(): ConnectionAccount | undefined {
    return this.messages.flatMap((message) => ('account' in message ? [message.account] : [])).at(-1)
  }

  /** SIGTERM, and then the exit. */
  async stop(): Promise<{ code: number | null; signal: string | null }> {
    this.signal('SIGTERM')
    return this.exited
  }

  /** Leaves nothing behind, whatever state the test ended in. */
  async dispose(): Promise<void> {
    try {
      process.kill(-this.pid, 'SIGKILL')
    } catch {
      // Gone already.
    }
    await this.exited
    this.dropConnections()
    this.#supervisor.close()
    fs.rmSync(this.folder, { recursive: true, force: true })
  }

  #read(socket: net.Socket): void {
    this.#connections.add(socket)
    socket.on('close', () => this.#connections.delete(socket)).on('error', () => {})
    let rest = ''
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) this.messages.push(JSON.parse(line) as InstanceMessage)
      this.#wake()
    })
  }

  #change(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.max(timeoutMs, 1))
      this.#arrived.push(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }

  #wake(): void {
    for (const resolve of this.#arrived.splice(0)) resolve()
  }
}

const limit = ({ openFiles }: AppOptions) => (openFiles === undefined ? '' : `ulimit -n ${openFiles}; `)

function supervision(folder: string, listeners: [string, HeldSocket][]): Record<string, string> {
  return {
    LISTEN_FDS: String(listeners.length),
    LISTEN_FDNAMES: listeners.map(([name]) => name).join(':'),
    HANDOVER_SOCKET: path.join(folder, 'channel'),
    HANDOVER_DRAIN_SECONDS: '5',
    HANDOVER_IDLE_SECONDS: '2',
  }
}

/** A relative HANDOVER_PROBE_DIR means the folder of the test. */
function probeFolder(folder: string, env: Record<string, string> = {}): Record<string, string> {
  const { HANDOVER_PROBE_DIR: probes } = env
  return probes === undefined ? env : { ...env, HANDOVER_PROBE_DIR: path.resolve(folder, probes) }
}

function preloadArguments(preload: boolean | { dist: string }): string[] {
  if (preload === false) return []
  const folder = preload === true ? dist : preload.dist
  const file = path.join(folder, bundled ? 'register.cjs' : 'register.js')
  return bundled ? ['--require', file] : ['--import', pathToFileURL(file).href]
}

/**
 * A copy of the built package, elsewhere: other modules to Node. `fixture`: a copy of an application beside it,
 * with no other package within its reach.
 */
export function copyOfDist(): { dist: string; fixture: string; remove(): void } {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'handover-dist-'))
  fs.cpSync(dist, path.join(folder, 'dist'), { recursive: true })
  fs.writeFileSync(path.join(folder, 'package.json'), '{ "type": "module" }')
  for (const file of ['http.cjs', 'answer.cjs'])
    fs.copyFileSync(path.join(fixtures, file), path.join(folder, file))
  return {
    dist: path.join(folder, 'dist'),
    fixture: path.join(folder, 'http.cjs'),
    remove: () => fs.rmSync(folder, { recursive: true }),
  }
}
