import type { Receiver } from '../move/receiver.js'
import type { Alone } from '../alone/alone.js'
import type { AccountReports } from '../announce/account-reports.js'
import type { Announcer, Mode } from '../announce/announcer.js'
import type { Connections } from '../connections/connections.js'
import { keepAccepting } from '../drain/delay.js'
import { finishConnections } from '../drain/drain.js'
import { stopAccepting } from '../drain/stop-accepting.js'
import { messageOf } from '../protocol/errors.js'
import type { LastRequests } from '../drain/last-requests.js'
import type { InPlaceExec } from '../in-place/exec.js'
import type { Kept } from '../in-place/kept.js'
import type { DrainReport, Hook } from '../protocol/lifecycle.js'
import type { Mover } from '../move/mover.js'
import type { Settings } from './options.js'
import type { Participant } from '../protocol/account.js'
import type { ProbeServer } from '../probes/server.js'
import type { ProbeSockets } from '../probes/sockets.js'
import type { ConnectionAccount } from '../protocol/account.js'
import { allWithin, queuesEmptied } from '../system/waiting.js'

/** What a Service is made of, as far as its end is concerned. */
export interface DrainSeam {
  readonly mode: Mode
  readonly settings: Settings
  readonly announcer: Announcer
  readonly connections: Connections
  readonly lastRequests: LastRequests
  readonly mover: Mover
  readonly participants: readonly Participant[]
  readonly alone: Alone
  readonly adoption: Receiver | null
  readonly kept: Kept
  readonly exec: InPlaceExec
  readonly probeSockets: ProbeSockets
  readonly probeServer: ProbeServer
  readonly reports: AccountReports
  account(): ConnectionAccount
  began(reason: string): void
  closed(): void
  ended(report: DrainReport): void
  warn(message: string): void
}

/** The end of a service, which comes once: from the first word of it to the last connection. */
export class ServiceDrain {
  readonly before: Hook[] = []
  readonly after: Hook[] = []
  readonly #seam: DrainSeam
  #deadline = 0
  #report: Promise<DrainReport> | null = null

  constructor(seam: DrainSeam) {
    this.#seam = seam
  }

  get begun(): boolean {
    return this.#report !== null
  }

  /** Milliseconds until what is left is cut; 0 before the drain. */
  get remainingMs(): number {
    return Math.max(this.#deadline - performance.now(), 0)
  }

  /** Called again, it gives the same promise. */
  run(reason: string): Promise<DrainReport> {
    return (this.#report ??= this.#run(reason))
  }

  async #run(reason: string): Promise<DrainReport> {
    const { announcer, exec, settings } = this.#seam
    const startedAt = performance.now()
    this.#deadline = startedAt + settings.timeoutMs
    exec.abandon()
    announcer.stopping(settings.timeoutMs)
    this.#seam.began(reason)
    await Promise.all([this.#runHooks(this.before, reason), this.#delay()])
    const cut = await this.#finish()
    await this.#runHooks(this.after, reason)
    const report = await this.#close(reason, startedAt, cut)
    this.#seam.ended(report)
    return report
  }

  /** Whoever does not know yet that we go is served as ever. */
  async #delay(): Promise<void> {
    const { alone, connections, lastRequests, participants, settings } = this.#seam
    const listens = [...connections.servers].some(({ listening }) => listening)
    if (settings.delayMs === 0 || alone.replaced || !(listens || participants.length > 0)) return
    await keepAccepting(connections, lastRequests, settings.delayMs)
  }

  /** Gives what had to be cut. */
  async #finish(): Promise<string[]> {
    const { alone, announcer, connections, lastRequests, mover, participants, settings } = this.#seam
    await mover.reached()
    // Whoever is in the accept queue of a socket that only we hold is taken now.
    const accepted = () => connections.account.accepted
    await (alone.emptyQueues(accepted, this.remainingMs) ??
      queuesEmptied(accepted, { mostMs: longestQueueMs }))
    for (const server of connections.servers)
      if (server.listening) alone.keepingPath(server, () => stopAccepting(server))
    const limits = { deadline: this.#deadline, idleMs: settings.idleMs }
    const cut = Promise.all([
      finishConnections(connections, mover, limits, lastRequests),
      ...participants.map((participant) => participant.finished()),
    ])
    await Promise.all(participants.map((participant) => participant.stopAccepting()))
    await mover.settled()
    announcer.say({ type: 'draining', account: this.#seam.account() })
    return (await cut).flat()
  }

  async #close(reason: string, startedAt: number, cut: string[]): Promise<DrainReport> {
    const { adoption, alone, announcer, connections, kept, mode, probeServer, probeSockets, reports } =
      this.#seam
    probeSockets.closeAll()
    adoption?.close()
    alone.close()
    kept.close()
    reports.stop()
    connections.untrackAll()
    this.#seam.closed()
    const seconds = (performance.now() - startedAt) / 1000
    const account = this.#seam.account()
    announcer.say({ type: 'drained', cut, seconds, account })
    await announcer.flush()
    announcer.close()
    // An application's own handlers come next in the other mode: until they exit, it is alive.
    if (mode === 'library') probeServer.close()
    return { reason, cut, seconds, account }
  }

  /** Hooks share the drain's deadline; past it they get a last moment, as the grace period ends a second later. */
  #runHooks(hooks: readonly Hook[], reason: string): Promise<void> {
    return allWithin(
      Math.max(this.remainingMs, lastMomentMs),
      hooks.map((hook) => () => hook(reason)),
      (error) => this.#seam.warn(`A drain hook threw: ${messageOf(error)}`),
    )
  }
}

const lastMomentMs = 250
const longestQueueMs = 250
