import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { Changes } from '@handover/testkit'
import type { ConnectionAccount, InstanceMessage } from '@handover/process/protocol'
import type { HeldSocket } from './sockets.js'

const fixtures = fileURLToPath(new URL('../test/fixtures/', import.meta.url))
const dist = fileURLToPath(new URL('../dist/', import.meta.url))

/** NODE_UNDER_TEST: the Node that runs the fixtures, to test the other supported versions. Default: this one. */
const node = process.env.NODE_UNDER_TEST ?? process.execPath
/** Major and minor version number of that Node. */
export const nodeVersion = execFileSync(node, ['-p', 'process.versions.node'], { encoding: 'utf8' })
  .split('.')
  .slice(0, 2)
  .map(Number)

/** PRELOAD_UNDER_TEST=bundle: the preload in one file, as a supervisor injects it. */
const bundled = process.env.PRELOAD_UNDER_TEST === 'bundle'

export interface AppOptions {
  /** By name. They become LISTEN_FDS, in this order. */
  listeners?: Record<string, HeldSocket>
  env?: Record<string, string>
  /**
   * Whether to preload `register`. Default: true. `bundle`: the preload in one file, as a supervisor injects it; it
   * takes less processor time to start. `dist`: another copy of this package's dist folder.
   */
  register?: boolean | 'bundle' | { dist: string }
  /** The limit of open files, `ulimit -n`. */
  openFiles?: number
  /** Set none of the variables of a supervisor. */
  unsupervised?: boolean
}

type MessageOf<T extends InstanceMessage['type']> = Extract<InstanceMessage, { type: T }>

/** A fixture in its own process, and the supervisor's end of its channel. */
export class App {
  readonly folder: string
  readonly messages: InstanceMessage[] = []
  output = ''
  readonly exited: Promise<{ code: number | null; signal: string | null }>
  readonly #child: ChildProcess
  readonly #supervisor: net.Server
  readonly #connections = new Set<net.Socket>()
  readonly #events = new Changes()

  private constructor(child: ChildProcess, supervisor: net.Server, folder: string) {
    this.#child = child
    this.#supervisor = supervisor
    this.folder = folder
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk) => {
        this.output += String(chunk)
        this.#events.changed()
      })
    }
    this.exited = once(child, 'exit').then(([code, signal]) => ({
      code: code as number | null,
      signal: signal as string | null,
    }))
    void this.exited.then(() => this.#events.changed())
    supervisor.on('connection', (socket) => this.#read(socket))
  }

  /** Kills the process and removes its files at the end of the test, whatever its result. */
  static async start(t: TestContext, fixture: string, options: AppOptions = {}): Promise<App> {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'handover-'))
    const supervisor = net.createServer().listen(path.join(folder, 'channel'))
    await once(supervisor, 'listening')
    const listeners = Object.entries(options.listeners ?? {})
    const args = preloadArguments(options.register ?? true)
    // LISTEN_PID must be the pid of the program itself (sd_listen_fds(3)). exec keeps the pid.
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
    const app = new App(child, supervisor, folder)
    t.after(() => app.#dispose())
    return app
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** Resolves with the first message of that type. Rejects if the process exits without it. */
  async message<T extends InstanceMessage['type']>(type: T, seconds = 15): Promise<MessageOf<T>> {
    let found: MessageOf<T> | undefined
    const arrived = () => {
      found = this.messages.find((message): message is MessageOf<T> => message.type === type)
      const ended = this.#child.exitCode !== null || this.#child.signalCode !== null
      if (found === undefined && ended) throw new Error(`it ended without "${type}"; ${this.#soFar()}`)
      return found !== undefined
    }
    await this.#events.until(arrived, () => `a message "${type}"; ${this.#soFar()}`, seconds)
    return found as MessageOf<T>
  }

  /** Resolves when the condition holds. It is checked at each message and each output. */
  until(condition: () => boolean, seconds = 15): Promise<void> {
    return this.#events.until(condition, () => `${String(condition)}; ${this.#soFar()}`, seconds)
  }

  /** Resolves when the output contains the text. */
  untilOutput(text: string): Promise<void> {
    return this.until(() => this.output.includes(text))
  }

  signal(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal)
  }

  /** Writes to the channel, as a supervisor or a broken one does. */
  sendRaw(text: string): void {
    for (const socket of this.#connections) socket.write(text)
  }

  dropConnections(): void {
    for (const socket of this.#connections) socket.destroy()
  }

  /** Names the successors, sends SIGTERM, and resolves with the exit. */
  async handOverTo(...successors: App[]): Promise<{ code: number | null; signal: string | null }> {
    await this.nameSuccessors(...successors)
    return this.stop()
  }

  /** Sends `successors`, as a supervisor does. */
  async nameSuccessors(...successors: App[]): Promise<void> {
    const adopting = await Promise.all(successors.map((successor) => successor.message('adopts')))
    this.sendRaw(JSON.stringify({ type: 'successors', sockets: adopting.map(({ path }) => path) }) + '\n')
  }

  /** The last account that the process has reported. */
  get account(): ConnectionAccount | undefined {
    return this.messages.flatMap((message) => ('account' in message ? [message.account] : [])).at(-1)
  }

  /** Sends SIGTERM and resolves with the exit. */
  async stop(): Promise<{ code: number | null; signal: string | null }> {
    this.signal('SIGTERM')
    return this.exited
  }

  async #dispose(): Promise<void> {
    try {
      process.kill(-this.pid, 'SIGKILL')
    } catch {
      // It has exited.
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
      this.#events.changed()
    })
  }

  #soFar(): string {
    return `output: ${this.output}; messages: ${JSON.stringify(this.messages)}`
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

/** Resolves a relative HANDOVER_PROBE_DIR against the folder of the test. */
function probeFolder(folder: string, env: Record<string, string> = {}): Record<string, string> {
  const { HANDOVER_PROBE_DIR: probes } = env
  return probes === undefined ? env : { ...env, HANDOVER_PROBE_DIR: path.resolve(folder, probes) }
}

function preloadArguments(preload: boolean | 'bundle' | { dist: string }): string[] {
  if (preload === false) return []
  const folder = typeof preload === 'object' ? preload.dist : dist
  const oneFile = bundled || preload === 'bundle'
  const file = path.join(folder, oneFile ? 'register.cjs' : 'register.js')
  return oneFile ? ['--require', file] : ['--import', pathToFileURL(file).href]
}

/**
 * Copies the built package to another folder, so that Node loads its modules a second time. `fixture`: a copy of an
 * application beside it, which can import no other package.
 */
export function copyOfDist(): { dist: string; fixture: string; remove(): void } {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'handover-dist-'))
  fs.cpSync(dist, path.join(folder, 'dist'), { recursive: true })
  fs.copyFileSync(path.join(dist, '../package.json'), path.join(folder, 'package.json'))
  for (const file of ['http.cjs', 'answer.cjs'])
    fs.copyFileSync(path.join(fixtures, file), path.join(folder, file))
  return {
    dist: path.join(folder, 'dist'),
    fixture: path.join(folder, 'http.cjs'),
    remove: () => fs.rmSync(folder, { recursive: true }),
  }
}
