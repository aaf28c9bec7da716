import type { Exchange } from './connection.js'
import {
  countFailures,
  noOutcomes,
  outcomes,
  type FailedOutcome,
  type FailedRequest,
  type Outcome,
} from './outcome.js'
import { describeTarget, type LoadOptions } from './options.js'
import { latencyOf, noConnections, Tally } from './tally.js'
import type { LoadReport } from './report.js'
import { Timeline } from './timeline.js'
import { Versions } from './versions.js'

const keptFailures = 20
const reportedVersions = 100

/** A request whose outcome is known. */
export interface Settled {
  tally: Tally
  exchange: Exchange
  connection: { number: number; openedAt: number }
  outcome: Outcome
  /** When it became known: performance.now(). */
  at: number
  detail: string
  version: string | null
}

/** Counts the outcomes of the whole load. */
export class Recorder {
  readonly timeline = new Timeline()
  readonly versions = new Versions(this.timeline)
  readonly revisions = new Versions(this.timeline)
  readonly processes = { sampled: 0, unknown: 0 }
  readonly startedAt = performance.now()
  inFlight = 0
  #endedAt: number | null = null
  #nextConnection = 1
  readonly #tallies: Tally[] = []
  readonly #failures: FailedRequest[] = []
  readonly #options: LoadOptions
  readonly #onFailure: () => void

  constructor(options: LoadOptions, onFailure: () => void) {
    this.#options = options
    this.#onFailure = onFailure
  }

  tally(name: string): Tally {
    const tally = new Tally(name)
    this.#tallies.push(tally)
    return tally
  }

  /** Milliseconds since the start of the load. */
  elapsed(at = performance.now()): number {
    return at - this.startedAt
  }

  opened(tally: Tally): number {
    tally.connections.opened++
    return this.#nextConnection++
  }

  sent(tally: Tally): void {
    tally.requests++
    this.inFlight++
  }

  settle(settled: Settled): void {
    const { tally, exchange, outcome, at } = settled
    const duringUpgrade = this.timeline.upgradedSince(this.elapsed(exchange.sentAt))
    this.inFlight--
    tally.settle(outcome, at - exchange.sentAt, duringUpgrade)
    this.#options.onOutcome?.(outcome, tally.name)
    if (outcome !== 'answered') this.#failed(this.#describe(settled, outcome, duringUpgrade))
  }

  finish(): void {
    this.#endedAt ??= performance.now()
  }

  report(client: LoadReport['client']): LoadReport {
    const [total, connections] = [noOutcomes(), noConnections()]
    for (const tally of this.#tallies) {
      for (const outcome of outcomes) total[outcome] += tally.outcomes[outcome]
      for (const key of Object.keys(connections) as (keyof typeof connections)[]) {
        connections[key] += tally.connections[key]
      }
    }
    const seconds = this.elapsed(this.#endedAt ?? performance.now()) / 1000
    const settled = total.answered + countFailures(total)
    return {
      target: describeTarget(this.#options.target),
      seconds,
      requests: settled + this.inFlight,
      inFlight: this.inFlight,
      answered: total.answered,
      failed: settled - total.answered,
      requestsPerSecond: settled / seconds,
      outcomes: total,
      connections,
      latency: latencyOf(this.#tallies),
      workloads: this.#tallies.map((tally) => tally.report()),
      upgrades: this.timeline.windows.map((window) => ({ ...window })),
      versions: this.versions.figures().slice(0, reportedVersions),
      processes: this.#options.identifyByProcess
        ? { ...this.processes, revisions: this.revisions.figures().slice(0, reportedVersions) }
        : null,
      paths: this.#options.calibration?.paths() ?? [],
      failures: [...this.#failures],
      client,
    }
  }

  #describe(
    { tally, exchange, connection, at, detail, version }: Settled,
    outcome: FailedOutcome,
    duringUpgrade: boolean,
  ): FailedRequest {
    return {
      outcome,
      detail,
      workload: tally.name,
      id: exchange.id,
      method: exchange.plan.method,
      path: exchange.plan.path,
      connection: connection.number,
      requestOnConnection: exchange.number,
      connectionAgeMs: at - connection.openedAt,
      atMs: this.elapsed(at),
      upgrade: this.timeline.started,
      duringUpgrade,
      version,
    }
  }

  #failed(failure: FailedRequest): void {
    if (this.#failures.length < keptFailures) this.#failures.push(failure)
    this.#options.onFailure?.(failure)
    this.#onFailure()
  }
}
