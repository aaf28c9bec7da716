import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'
import { noOutcomes, type Outcome } from './outcome.js'
import type { ConnectionFigures, Latency, LatencyFigures, WorkloadReport } from './report.js'
import type { Ending } from './connection.js'

/** HDR histograms of microseconds, up to ten minutes. They are exact to 0.1 % and take about 150 KB each. */
const maxMicroseconds = 600_000_000
const histogram = () => createHistogram({ lowest: 1, highest: maxMicroseconds, figures: 3 })

/** Counts the requests and connections of one workload by how they ended. Its memory does not grow. */
export class Tally {
  readonly name: string
  readonly outcomes = noOutcomes()
  readonly connections: ConnectionFigures = noConnections()
  requests = 0
  readonly #duringUpgrade = histogram()
  readonly #otherwise = histogram()

  constructor(name: string) {
    this.name = name
  }

  settle(outcome: Outcome, milliseconds: number, duringUpgrade: boolean): void {
    this.outcomes[outcome]++
    if (outcome !== 'answered') return
    const microseconds = Math.min(maxMicroseconds, Math.max(1, Math.round(milliseconds * 1000)))
    ;(duringUpgrade ? this.#duringUpgrade : this.#otherwise).record(microseconds)
  }

  ended(how: Ending): void {
    if (how === 'closedIdle') this.connections.closedIdle++
    if (how === 'resetIdle') this.connections.resetIdle++
    if (how === 'announced') this.connections.announcedCloses++
  }

  report(): WorkloadReport {
    const { name, requests, outcomes, connections } = this
    return {
      name,
      requests,
      outcomes: { ...outcomes },
      connections: { ...connections },
      latency: latencyOf([this]),
    }
  }

  /** Needed to add up several tallies. */
  get histograms(): { duringUpgrade: RecordableHistogram; otherwise: RecordableHistogram } {
    return { duringUpgrade: this.#duringUpgrade, otherwise: this.#otherwise }
  }
}

export const noConnections = (): ConnectionFigures => ({
  opened: 0,
  closedIdle: 0,
  resetIdle: 0,
  announcedCloses: 0,
})

/** The latencies of several tallies together. */
export function latencyOf(tallies: Tally[]): LatencyFigures {
  const [overall, duringUpgrade, otherwise] = [histogram(), histogram(), histogram()]
  for (const { histograms } of tallies) {
    duringUpgrade.add(histograms.duringUpgrade)
    otherwise.add(histograms.otherwise)
  }
  overall.add(duringUpgrade)
  overall.add(otherwise)
  return { overall: figures(overall), duringUpgrade: figures(duringUpgrade), otherwise: figures(otherwise) }
}

function figures(of: RecordableHistogram): Latency {
  if (of.count === 0) return { count: 0, p50Ms: 0, p99Ms: 0, maxMs: 0 }
  const [p50Ms = 0, p99Ms = 0, maxMs = 0] = [of.percentile(50), of.percentile(99), of.max].map(
    (us) => us / 1000,
  )
  return { count: of.count, p50Ms, p99Ms, maxMs }
}
