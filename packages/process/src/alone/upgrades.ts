import type { Announcer } from '../announce/announcer.js'
import type { PassedListeners } from '../listeners/passed-listeners.js'
import type { Environment } from '../protocol/environment.js'
import { HandoverError, messageOf } from '../protocol/errors.js'
import { identityOf, stillRunning, type ProcessIdentity } from '../system/process-identity.js'
import type { Candidate } from './candidate.js'
import type { AloneSettings } from './options.js'
import type { UpgradeReceipt } from './receipt.js'
import { reportFailure, type ReplaceableService, type Transfers } from './replaceable.js'
import { Upgrade } from './upgrade.js'

export interface UpgradesOptions {
  settings: AloneSettings
  /** Milliseconds that a drain may take. A failed candidate may finish its requests for as long. */
  drainMs: number
  environment: Environment
  transfers: Transfers
}

/** Begins an upgrade, at most one at a time, or refuses it with the reason. */
export class Upgrades {
  readonly #service: ReplaceableService
  readonly #announcer: Announcer
  readonly #listeners: PassedListeners
  readonly #options: UpgradesOptions
  /** The processes that were already draining when this one took over. */
  #earlier: ProcessIdentity[] = []
  #current: { pid: number; unwanted: AbortController } | null = null
  #committed = false

  constructor(
    service: ReplaceableService,
    announcer: Announcer,
    listeners: PassedListeners,
    options: UpgradesOptions,
  ) {
    this.#service = service
    this.#announcer = announcer
    this.#listeners = listeners
    this.#options = options
  }

  /** Whether a successor serves. */
  get committed(): boolean {
    return this.#committed
  }

  set earlier(generations: ProcessIdentity[]) {
    this.#earlier = generations
  }

  get earlierDrain(): boolean {
    return stillRunning(this.#earlier).length > 0
  }

  drainBegan(reason: string): void {
    if (!this.#committed) this.#current?.unwanted.abort(reason)
  }

  /**
   * `stopFirst`: this process drains before the next one is started.
   *
   * @throws HandoverError `ERR_HANDOVER_UPGRADE_REFUSED` or `ERR_HANDOVER_UPGRADE_FAILED`
   */
  async run(start: (predecessor: string) => Promise<Candidate>, stopFirst: boolean): Promise<UpgradeReceipt> {
    const refusal = this.#refusal()
    if (refusal !== null) throw this.#refused(refusal)
    const current = { pid: 0, unwanted: new AbortController() }
    this.#current = current
    this.#announcer.reloading()
    const { drainMs, settings, transfers } = this.#options
    const upgrade = new Upgrade(this.#service, this.#announcer, transfers, {
      timeoutMs: settings.timeoutMs,
      graceMs: Math.min(drainMs + 1000, maxGraceMs),
      draining: [...stillRunning(this.#earlier), identityOf(process.pid)],
      unwanted: current.unwanted.signal,
      start: async (predecessor) => {
        const candidate = await start(predecessor)
        current.pid = candidate.pid
        this.#service.emit('upgrading', candidate.pid)
        return candidate
      },
      committed: () => (this.#committed = true),
    })
    try {
      return await (stopFirst ? upgrade.recreate() : upgrade.run())
    } catch (error) {
      this.#current = null
      throw this.#failed(error)
    }
  }

  #failed(error: unknown): HandoverError {
    const failure =
      error instanceof HandoverError
        ? error
        : new HandoverError('ERR_HANDOVER_UPGRADE_FAILED', messageOf(error))
    this.#announcer.reloaded(failure)
    reportFailure(this.#service, failure)
    return failure
  }

  #refused(reason: string): HandoverError {
    const error = new HandoverError('ERR_HANDOVER_UPGRADE_REFUSED', `No upgrade can begin now: ${reason}`)
    reportFailure(this.#service, error)
    return error
  }

  /** Why no upgrade may begin, as a clause. Null if one may. */
  #refusal(): string | null {
    const { environment, settings } = this.#options
    const { state } = this.#service
    const pid = this.#current?.pid ?? 0
    if (environment.HANDOVER_SOCKET !== undefined) return 'a supervisor is in charge of this process, ask it'
    if (this.#current !== null && state !== 'draining' && state !== 'closed')
      return `the one${pid === 0 ? '' : ` to process ${pid}`} is still under way`
    if (state === 'starting') return 'this process is not ready itself yet'
    if (state !== 'ready')
      return `this process is ${state}${pid === 0 ? '' : `, process ${pid} has taken its place`}`
    const draining = stillRunning(this.#earlier)
    if (draining.length >= settings.maxDraining && draining.length > 0) {
      const pids = draining.map((generation) => generation.pid).join(', ')
      return `${draining.length} earlier generations still drain (${pids}), maxDraining is ${settings.maxDraining}`
    }
    return this.#listeners.list().length === 0 ? 'nothing listens here' : null
  }
}

/** Milliseconds. For this long, a child that hangs delays the next upgrade. */
const maxGraceMs = 10_000
