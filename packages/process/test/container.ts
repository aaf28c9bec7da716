import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TestContext } from 'node:test'
import { Changes } from '@handover/testkit'

const fixtures = fileURLToPath(new URL('../test/fixtures/', import.meta.url))
export const bundle = fileURLToPath(new URL('../dist/register.cjs', import.meta.url))

/** Why no process with pid 1 can be started here; false if it can. */
export const noPid1: string | false =
  spawnSync('unshare', ['--pid', '--fork', '--mount-proc', 'true']).status === 0
    ? false
    : 'needs root, for a pid namespace of its own'

export interface ContainerOptions {
  env?: Record<string, string>
  scripts?: Record<string, string>
  /** Whether the command has pid 1. Default: true. */
  pid1?: boolean
  /** The folder in which the command runs instead. */
  folder?: string
}

/** A command as in a container: it has pid 1 in its own namespace, and every process there ends with it. */
export class Container {
  output = ''
  readonly exited: Promise<{ code: number | null; signal: string | null }>
  readonly #child: ChildProcess
  readonly #events = new Changes()
  #ended = false
  readonly #folder: string
  readonly #namespaced: boolean

  private constructor(child: ChildProcess, folder: string, namespaced: boolean) {
    this.#child = child
    this.#folder = folder
    this.#namespaced = namespaced
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk) => {
        this.output += String(chunk)
        this.#events.changed()
      })
    this.exited = once(child, 'close').then(([code, signal]) => ({
      code: code as number | null,
      signal: signal as string | null,
    }))
    void this.exited.then(() => {
      this.#ended = true
      this.#events.changed()
    })
  }

  /** `scripts`: of the package.json in the folder in which the command runs. The fixtures are in `fixtures/` there. */
  static start(t: TestContext, command: string[], options: ContainerOptions = {}): Container {
    const { env = {}, scripts = {}, pid1 = true } = options
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'handover-container-'))
    fs.writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ name: 'app', scripts }))
    fs.symlinkSync(fixtures, path.join(folder, 'fixtures'))
    const namespace = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child']
    const [program = '', ...args] = pid1 ? [...namespace, ...command] : command
    const child = spawn(program, args, {
      cwd: options.folder ?? folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        NODE_OPTIONS: `--require ${bundle}`,
        KUBERNETES_SERVICE_HOST: '10.96.0.1',
        ...env,
      },
    })
    const container = new Container(child, folder, pid1)
    t.after(() => container.#dispose())
    return container
  }

  /** Resolves when the output contains the text. */
  untilOutput(text: string): Promise<void> {
    const contains = () => {
      if (this.output.includes(text)) return true
      if (this.#ended) throw new Error(`it ended; output: ${this.output}`)
      return false
    }
    return this.#events.until(contains, () => `the output has "${text}": ${this.output}`)
  }

  async port(): Promise<number> {
    await this.untilOutput(' listens')
    return Number(/port (\d+) listens/.exec(this.output)?.[1])
  }

  /** Sends the signal to pid 1 only, as kubelet does. */
  terminate(signal: NodeJS.Signals = 'SIGTERM'): void {
    process.kill(this.#init, signal)
  }

  get #init(): number {
    const pid = this.#child.pid ?? 0
    if (!this.#namespaced) return pid
    return Number(fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim())
  }

  async #dispose(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) process.kill(this.#init, 'SIGKILL')
    await this.exited
    fs.rmSync(this.#folder, { recursive: true })
  }
}
