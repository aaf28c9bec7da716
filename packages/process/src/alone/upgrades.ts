import { HandoverError, messageOf } from '../protocol/errors.js'
import type { Environment } from '../protocol/environment.js'
import type { ServiceState } from '../protocol/lifecycle.js'
import type { PassedListener } from '../listeners/passed-listeners.js'
import { startChild, type Candidate } from './candidate.js'
import { ownCommandLine, type CommandLine } from '../system/command-line.js'
import { stillRunning, identityOf, type ProcessIdentity } from '../system/process-identity.js'
import type { AloneSettings } from './options.js'
import type { UpgradeReceipt } from './receipt.js'
import { recreate, upgrade, type Incumbent } from './upgrade.js'

/** The service, as its upgrades see it. */
export interface UpgradeHost extends Incumbent {
  state(): ServiceState
  readonly environment: Environment
  /** How long a drain may take: so long may a child that failed go on answering what it accepted. */
  readonly drainMs: number
  /** What a successor is to listen on. */
  listeners(): PassedListener[]
  upgrading(pid: number): void
  failed(error: HandoverError): void
}

/** Begins an upgrade where one may begin, and refuses it with the reason where not: at most one at a time. */
export class Upgrades {
  readonly #host: UpgradeHost
  readonly #settings: AloneSettings
  readonly #line: CommandLine = ownCommandLine()
  /** Earlier generations that drained when we took over. */
  #earlier: ProcessIdentity[] = []
  #current: { pid: number } | null = null

  committed = false

  constructor(host: UpgradeHost, settings: AloneSettings) {
    this.#host = host
    this.#settings = settings
  }

  /** What the predecessor told when it stepped back. */
  follow(earlier: ProcessIdentity[]): void {
    this.#earlier = earlier
  }

  /** An earlier generation is still there. */
  get earlierDrain(): boolean {
    return stillRunning(this.#earlier).length > 0
  }

  startChild(listeners: PassedListener[], predecessor: string): Promise<Candidate> {
    return startChild(this.#line, { listeners, environment: this.#host.environment, predecessor })
  }

  /** @throws HandoverError `ERR_HANDOVER_UPGRADE_REFUSED` or `ERR_HANDOVER_UPGRADE_FAILED` */
  async to(start: (predecessor: string) => Promise<Candidate>, stopFirst = false): Promise<UpgradeReceipt> {
    const reason = this.#refusal()
    if (reason !== null) throw this.#refused(reason)
    const current = (this.#current = { pid: 0 })
    const host = this.#host
    host.announcer.reloading()
    try {
      return await (stopFirst ? recreate : upgrade)(host, {
        timeoutMs: this.#settings.timeoutMs,
        graceMs: Math.min(host.drainMs + 1000, longestGraceMs),
        draining: [...stillRunning(this.#earlier), identityOf(process.pid)],
        start: async (predecessor) => {
          const candidate = await start(predecessor)
          current.pid = candidate.pid
          host.upgrading(candidate.pid)
          return candidate
        },
        committed: () => (this.committed = true),
        failed: (failure) => host.failed(failure),
      })
    } catch (error) {
      this.#current = null
      const failure =
        error instanceof HandoverError
          ? error
          : new HandoverError('ERR_HANDOVER_UPGRADE_FAILED', messageOf(error))
      host.announcer.reloaded(failure)
      host.failed(failure)
      throw failure
    }
  }

  #refused(reason: string): HandoverError {
    const error = new HandoverError('ERR_HANDOVER_UPGRADE_REFUSED', `No upgrade can begin now: ${reason}`)
    this.#host.failed(error)
    return error
  }

  /** Why no upgrade may begin, in half a sentence; null: it may. */
  #refusal(): string | null {
    const { environment } = this.#host
    const state = this.#host.state()
    if (environment.HANDOVER_SOCKET !== undefined) return 'a supervisor is in charge of this process, ask it'
    if (this.#current !== null && state !== 'draining' && state !== 'closed')
      return `the one${this.#current.pid === 0 ? '' : ` to process ${this.#current.pid}`} is still going on`
    if (state === 'starting') return 'this process is not ready itself yet'
    if (state !== 'ready') {
      const successor =
        (this.#current?.pid ?? 0) === 0 ? '' : `, process ${this.#current?.pid} has taken its place`
      return `this process is ${state}${successor}`
    }
    const draining = stillRunning(this.#earlier)
    if (draining.length >= this.#settings.maxDraining && draining.length > 0) {
      const pids = draining.map(({ pid }) => pid).join(', ')
      return `${draining.length} earlier generations still drain (${pids}), maxDraining is ${this.#settings.maxDraining}`
    }
    return this.#host.listeners().length === 0 ? 'nothing listens here' : null
  }
}

/** A child that hangs keeps the next upgrade waiting for so long. */
const longestGraceMs = 10_000
