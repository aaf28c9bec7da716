import type { Announcer } from '../announce/announcer.js'
import type { ConnectionAccount } from '../protocol/account.js'
import { HandoverError, messageOf } from '../protocol/errors.js'
import type { DrainReport } from '../protocol/lifecycle.js'
import type { ProcessIdentity } from '../system/process-identity.js'
import { allWithin } from '../system/waiting.js'
import type { Candidate } from './candidate.js'
import { Link } from './link.js'
import { Phases } from './phases.js'
import { isBalanced, type UpgradeReceipt } from './receipt.js'
import { reportFailure, type ReplaceableService, type Transfers } from './replaceable.js'

/**
 * The states of the new process, the candidate:
 *
 *     started ──► ready ──► it takes over, this process drains and exits
 *        │
 *        ├──► notStarted   the program could not be started
 *        ├──► exited       it ended before it was ready
 *        ├──► late         it was not ready in time
 *        └──► unwanted     this process drains for another reason
 *
 * After each of the last four the candidate is ended, and this process keeps serving.
 */
type Outcome =
  | { type: 'notStarted'; error: unknown }
  | { type: 'ready'; candidate: Candidate }
  | { type: 'exited'; candidate: Candidate; how: string }
  | { type: 'late'; candidate: Candidate }
  | { type: 'unwanted'; candidate: Candidate; reason: string }

export interface UpgradeOptions {
  /** Milliseconds within which the candidate must be ready. */
  timeoutMs: number
  /** Milliseconds that a failed candidate may take to end. */
  graceMs: number
  /** The earlier processes that still drain, including this one. */
  draining: ProcessIdentity[]
  /** Aborted, with the reason as text, when a drain begins that is not part of the upgrade. */
  unwanted: AbortSignal
  /** Starts the candidate, which connects to `predecessor`, the path of a socket. */
  start(predecessor: string): Promise<Candidate>
  /** Called when the candidate serves. */
  committed(): void
}

/** One upgrade, from the start of the new process to the receipt. */
export class Upgrade {
  readonly #service: ReplaceableService
  readonly #announcer: Announcer
  readonly #transfers: Transfers
  readonly #options: UpgradeOptions
  readonly #phases = new Phases()

  constructor(
    service: ReplaceableService,
    announcer: Announcer,
    transfers: Transfers,
    options: UpgradeOptions,
  ) {
    this.#service = service
    this.#announcer = announcer
    this.#transfers = transfers
    this.#options = options
  }

  /** @throws HandoverError `ERR_HANDOVER_UPGRADE_FAILED`, once the candidate has ended */
  async run(): Promise<UpgradeReceipt> {
    const link = await openLink()
    try {
      const candidate = await this.#candidate(link)
      const report = await this.#stepBack(link)
      const { handedOver } = report.account
      await allWithin(settleMs, [() => link.until(() => received(link) >= handedOver)], () => {})
      return this.#receipt(report, candidate, link)
    } finally {
      link.close()
    }
  }

  /**
   * Stops first, then starts (like `Recreate` of Kubernetes), so the addresses are free for the candidate. No process
   * serves until a candidate is ready, so a failed one is started again after 1, 2, 4, … 30 seconds.
   */
  async recreate(): Promise<UpgradeReceipt> {
    this.#options.committed()
    const stopWatchdog = this.#announcer.handedOver()
    const report = await this.#drain()
    for (let waitMs = firstRetryMs; ; waitMs = Math.min(waitMs * 2, maxRetryMs)) {
      try {
        const receipt = await this.#startAfter(report)
        stopWatchdog()
        return receipt
      } catch (error) {
        if (!(error instanceof HandoverError)) throw error
        const again = `; no process serves, it is started again in ${waitMs / 1000} s`
        reportFailure(this.#service, new HandoverError(error.code, error.message + again))
      }
      await new Promise((resolve) => setTimeout(resolve, waitMs))
    }
  }

  /** Resolves with a candidate that is ready. Rejects after every other outcome, once the candidate has ended. */
  async #candidate(link: Link): Promise<Candidate> {
    const outcome = await this.#outcome(link)
    switch (outcome.type) {
      case 'ready':
        outcome.candidate.release()
        return outcome.candidate
      case 'notStarted':
        throw failed(`The new process could not be started: ${messageOf(outcome.error)}`)
      case 'exited':
        throw await this.#discard(
          outcome.candidate,
          link,
          (pid) => `${pid} ${outcome.how} before it was ready`,
        )
      case 'late': {
        const limit = `${this.#options.timeoutMs / 1000} s`
        throw await this.#discard(outcome.candidate, link, (pid) => `${pid} was not ready within ${limit}`)
      }
      case 'unwanted':
        throw await this.#discard(
          outcome.candidate,
          link,
          (pid) => `${pid} is not needed: the service drains (${outcome.reason})`,
        )
    }
  }

  async #outcome(link: Link): Promise<Outcome> {
    link.heard = (message) => this.#phases.heard(message)
    const { start, timeoutMs, unwanted } = this.#options
    let candidate: Candidate
    try {
      candidate = await start(link.path)
    } catch (error) {
      return { type: 'notStarted', error }
    }
    this.#phases.reached('started')
    return new Promise((resolve) => {
      const timer = setTimeout(() => decide({ type: 'late', candidate }), timeoutMs)
      const stop = () => decide({ type: 'unwanted', candidate, reason: String(unwanted.reason) })
      const decide = (outcome: Outcome): void => {
        clearTimeout(timer)
        unwanted.removeEventListener('abort', stop)
        resolve(outcome)
      }
      const isReady = () => link.last('ready') !== undefined
      void link.until(isReady).then(() => isReady() && decide({ type: 'ready', candidate }))
      void candidate.gone.then((how) => decide({ type: 'exited', candidate, how }))
      unwanted.addEventListener('abort', stop)
      if (unwanted.aborted) stop()
    })
  }

  /** The error says what the candidate itself reported, if it did. */
  async #discard(
    candidate: Candidate,
    link: Link,
    sentence: (subject: string) => string,
  ): Promise<HandoverError> {
    const message = sentence(`The new process ${candidate.pid}`)
    link.say({ type: 'refused', message })
    await candidate.end(this.#options.graceMs)
    const reported = link.last('error')?.message
    return failed(reported === undefined ? message : `${message}; it said: ${reported}`)
  }

  /** The order matters: the new process must have notified the service manager before this one exits. */
  async #stepBack(link: Link): Promise<DrainReport> {
    this.#sendTicketKeys(link)
    this.#options.committed()
    const stopWatchdog = this.#announcer.handedOver()
    link.say({ type: 'takeOver', draining: this.#options.draining })
    const announced = tookOver(link).then(stopWatchdog)
    const receives = link.last('adopts')
    if (receives !== undefined) {
      this.#transfers.moveTo([receives.path])
      this.#announcer.say(receives) // a predecessor of this process that still drains can move connections there, too
    }
    const report = await this.#drain()
    await announced
    return report
  }

  async #startAfter(report: DrainReport): Promise<UpgradeReceipt> {
    const link = await openLink()
    try {
      const candidate = await this.#candidate(link)
      link.say({ type: 'takeOver', draining: this.#options.draining })
      this.#sendTicketKeys(link)
      await tookOver(link)
      return this.#receipt(report, candidate, link)
    } finally {
      link.close()
    }
  }

  async #drain(): Promise<DrainReport> {
    const drained = this.#service.drain('upgrade')
    this.#phases.reached('stoppedAccepting')
    const report = await drained
    this.#phases.reached('drained')
    return report
  }

  #sendTicketKeys(link: Link): void {
    const keys = this.#transfers.ticketKeys()
    if (keys !== null) link.say({ type: 'ticketKeys', keys })
  }

  #receipt(report: DrainReport, candidate: Candidate, link: Link): UpgradeReceipt {
    const account = accountOf(link)
    return {
      from: { pid: process.pid, account: report.account },
      to: { pid: candidate.pid, account },
      phases: this.#phases.phases,
      cut: report.cut,
      balanced: isBalanced(report.account, account),
    }
  }
}

async function openLink(): Promise<Link> {
  try {
    return await Link.open()
  } catch (error) {
    throw failed(`The upgrade could not begin: ${messageOf(error)}`)
  }
}

const failed = (message: string) => new HandoverError('ERR_HANDOVER_UPGRADE_FAILED', message)

const tookOver = (link: Link): Promise<void> =>
  allWithin(tookOverMs, [() => link.until(() => link.last('tookOver') !== undefined)], () => {})

const accountOf = (link: Link): ConnectionAccount | null => link.last('account')?.account ?? null

const received = (link: Link): number => accountOf(link)?.adopted ?? 0

/** Milliseconds. Without koffi, a successor runs `systemd-notify` first, which takes about 10 ms to start. */
const tookOverMs = 5000
const settleMs = 500
const firstRetryMs = 1000
const maxRetryMs = 30_000
