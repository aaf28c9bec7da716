import type { Alone } from '../alone/alone.js'
import type { Announcer } from '../announce/announcer.js'
import { messageOf } from '../protocol/errors.js'
import type { DrainReport, Hook } from '../protocol/lifecycle.js'
import { allWithin, waitUntilQueuesAreEmpty } from '../system/waiting.js'
import type { Timing } from './pod.js'
import type { Traffic } from './traffic.js'

/** The steps of the service during its drain. */
export interface DrainSteps {
  began(reason: string): void
  /** Only requests are left that have waited for `patienceMs`, and connections that only the application can end. */
  waiting(): void
  /** Called when no connection is open any more. */
  closed(): void
  ended(report: DrainReport): void
  warn(message: string): void
}

/**
 * The end of a service, which happens once:
 *
 *     hooks and delay ──► stop accepting ──► finish what is open ──► hooks ──► closed
 *
 * All of it has one deadline, at which what is still open is cut.
 */
export class ServiceDrain {
  readonly before: Hook[] = []
  readonly after: Hook[] = []
  readonly #traffic: Traffic
  readonly #alone: Alone
  readonly #announcer: Announcer
  readonly #timing: Timing
  readonly #steps: DrainSteps
  #deadline = 0
  #report: Promise<DrainReport> | null = null

  constructor(traffic: Traffic, alone: Alone, announcer: Announcer, timing: Timing, steps: DrainSteps) {
    this.#traffic = traffic
    this.#alone = alone
    this.#announcer = announcer
    this.#timing = timing
    this.#steps = steps
  }

  get begun(): boolean {
    return this.#report !== null
  }

  /** Milliseconds until the remaining connections are cut. 0 before the drain. */
  get remainingMs(): number {
    return Math.max(this.#deadline - performance.now(), 0)
  }

  /** Returns the same promise each time. */
  run(reason: string): Promise<DrainReport> {
    if (this.#report !== null) return this.#report
    let start = () => {}
    this.#report = new Promise((resolve, reject) => {
      start = () => void this.#run(reason).then(resolve, reject)
    })
    start() // a listener of 'draining' may call this again
    return this.#report
  }

  async #run(reason: string): Promise<DrainReport> {
    const startedAt = performance.now()
    this.#deadline = startedAt + this.#timing.timeoutMs
    this.#announcer.stopping(this.#timing.timeoutMs)
    this.#steps.began(reason)
    await Promise.all([this.#runHooks(this.before, reason), this.#delay()])
    await this.#stopAccepting()
    const cut = await this.#finish()
    // A hook may wait for 'close'. Without one, the report is sent before an application exits at that event.
    if (this.after.length > 0) await this.#traffic.closing.release()
    await this.#runHooks(this.after, reason)
    this.#steps.closed()
    const report = { reason, cut, seconds: secondsSince(startedAt), account: this.#traffic.account }
    this.#announcer.say({ type: 'drained', cut, seconds: report.seconds, account: report.account })
    await this.#announcer.flush()
    this.#announcer.close()
    // A process that replaces itself has not finished yet: it is done at 'upgraded'.
    if (reason !== 'upgrade') await this.#traffic.closing.release()
    this.#steps.ended(report)
    return report
  }

  /** Not needed if a successor serves on the same addresses. */
  async #delay(): Promise<void> {
    const { delayMs } = this.#timing
    if (delayMs > 0 && !this.#alone.replaced) await this.#traffic.keepAccepting(delayMs)
  }

  /** Connections in the queue of a socket that only this process has are accepted before it closes. */
  async #stopAccepting(): Promise<void> {
    const { closing, connections, mover } = this.#traffic
    await mover.reached()
    const accepted = () => connections.account.accepted
    await (this.#alone.emptyQueues(accepted, this.remainingMs) ??
      waitUntilQueuesAreEmpty(accepted, { maxMs: maxQueueMs }))
    for (const server of connections.servers)
      if (server.listening) this.#alone.keepingPath(server, () => closing.stop(server))
  }

  /** Resolves with what was cut. */
  async #finish(): Promise<string[]> {
    const { patienceMs } = this.#timing
    const waiting = () => this.#steps.waiting()
    const cut = this.#traffic.finish({ deadline: this.#deadline, patienceMs, waiting })
    await this.#traffic.settled()
    this.#announcer.say({ type: 'draining', account: this.#traffic.account })
    return cut
  }

  /** Hooks share the drain's deadline. After it they have a little more time: the grace period ends a second later. */
  #runHooks(hooks: readonly Hook[], reason: string): Promise<void> {
    return allWithin(
      Math.max(this.remainingMs, lastMomentMs),
      hooks.map((hook) => () => hook(reason)),
      (error) => this.#steps.warn(`A drain hook threw: ${messageOf(error)}`),
    )
  }
}

const secondsSince = (startedAt: number): number => (performance.now() - startedAt) / 1000

const lastMomentMs = 250
const maxQueueMs = 250
