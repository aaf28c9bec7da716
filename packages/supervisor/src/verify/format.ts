import { outcomes, type FailedRequest, type OutcomeCounts } from './outcome.js'
import type { Latency, LoadReport } from './report.js'
import type { VerifyReport } from './run.js'

/** The account of a load as lines of plain text. */
export function formatReport(report: LoadReport): string[] {
  const { connections } = report
  return [
    `${report.requests} requests to ${report.target} in ${report.seconds.toFixed(1)} s (${report.requestsPerSecond.toFixed(0)} a second): ` +
      `${report.answered} answered, ${report.failed} failed${report.inFlight > 0 ? `, ${report.inFlight} in flight` : ''}`,
    ...describeFailures(report.outcomes),
    '',
    ...table([
      ['workload', 'requests', 'failed', 'p50 ms', 'p99 ms', 'max ms'],
      ...report.workloads.map((workload) => [
        workload.name,
        String(workload.requests),
        describeFailures(workload.outcomes).join(', ').trim() || '0',
        ...latencyCells(workload.latency.overall),
      ]),
    ]),
    '',
    ...table([
      ['latency', 'requests', 'p50 ms', 'p99 ms', 'max ms'],
      ...(
        [
          ['all', report.latency.overall],
          ['during an upgrade', report.latency.duringUpgrade],
          ['otherwise', report.latency.otherwise],
        ] as const
      ).map(([name, latency]) => [name, String(latency.count), ...latencyCells(latency)]),
    ]),
    '',
    `connections: ${connections.opened} opened, ${connections.closedIdle} closed by the server while idle, ` +
      `${connections.resetIdle} reset while idle, ${connections.announcedCloses} closed as announced`,
    ...processLines(report),
    `this client's own lag: p99 ${report.client.lagP99Ms.toFixed(1)} ms, max ${report.client.lagMaxMs.toFixed(1)} ms`,
    ...failureLines(report.failures, report.failed),
  ]
}

/** The verdict first, then the account. */
export function formatVerify(report: VerifyReport): string[] {
  const times = report.upgrades.filter(({ ok }) => ok).map(({ ms }) => ms)
  const took =
    times.length === 0 ? '' : `, ${Math.min(...times).toFixed(0)}-${Math.max(...times).toFixed(0)} ms each`
  return [
    `${report.passed ? 'passed' : 'FAILED'}: ${times.length} upgrades${took}, ${report.load.failed} of ${report.load.requests} requests failed`,
    ...report.reasons.map((reason) => `  ${reason}`),
    '',
    ...formatReport(report.load),
  ]
}

function describeFailures(counts: OutcomeCounts): string[] {
  return outcomes
    .filter((name) => name !== 'answered' && counts[name] > 0)
    .map((name) => `  ${counts[name]} ${name}`)
}

function processLines({ processes }: LoadReport): string[] {
  if (processes === null) return []
  const known = processes.sampled - processes.unknown
  return [
    `processes: ${processes.sampled} connections looked up after upgrades, of ${known} the process is known`,
  ]
}

/** Equal failures become one line, with the time of the first one and their number. */
function failureLines(failures: FailedRequest[], failed: number): string[] {
  if (failures.length === 0) return []
  const alike = new Map<string, { first: FailedRequest; count: number }>()
  for (const failure of failures) {
    const { outcome, workload, upgrade, duringUpgrade, detail } = failure
    const key = [outcome, workload, upgrade, duringUpgrade, detail].join('\n')
    alike.set(key, { first: failure, ...alike.get(key), count: (alike.get(key)?.count ?? 0) + 1 })
  }
  const lines = [...alike.values()].map(
    ({ first, count }) => `  ${describe(first)}${count > 1 ? ` (${count} times)` : ''}`,
  )
  return ['', `the first ${failures.length} of ${failed} failures:`, ...lines]
}

function describe(failure: FailedRequest): string {
  const { upgrade, duringUpgrade } = failure
  const when =
    upgrade === 0 ? 'before any upgrade' : `${duringUpgrade ? 'during' : 'after'} upgrade ${upgrade}`
  return (
    `${(failure.atMs / 1000).toFixed(3)} s, ${when}: ${failure.outcome}: ${failure.method} ${failure.path} ` +
    `(${failure.workload}, request ${failure.requestOnConnection} of a connection ` +
    `${failure.connectionAgeMs.toFixed(0)} ms old): ${failure.detail}`
  )
}

const latencyCells = ({ p50Ms, p99Ms, maxMs }: Latency) => [p50Ms, p99Ms, maxMs].map((ms) => ms.toFixed(1))

/** Aligns the first column to the left and the others to the right. */
function table(rows: string[][]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  )
}
