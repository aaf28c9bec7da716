import type { ProbeSpec } from '../../model/index.js'

/** What a row of tries has come to. Times are milliseconds of one monotonic clock. */
export interface Progress {
  /** What was last told; null: nothing yet. */
  verdict: boolean | null
  /** Successes and failures in a row. */
  successes: number
  failures: number
  succeeded: boolean
  /** Until the first success: how long to wait before the next try, and when the next failure counts. */
  retryMs: number
  countsFrom: number
}

export interface Try {
  healthy: boolean
  startedAt: number
  endedAt: number
}

type Timing = Pick<ProbeSpec, 'periodSeconds' | 'successThreshold' | 'failureThreshold'>

/** A booting service is asked again this soon, then after twice as long, up to the period. */
const firstRetryMs = 20

export const begin = (): Progress => ({
  verdict: null,
  successes: 0,
  failures: 0,
  succeeded: false,
  retryMs: firstRetryMs,
  countsFrom: 0,
})

/**
 * Kubernetes' counting, with one difference: until the first success it is tried more often than once a period,
 * so that a rollout does not wait for a period to end. Those extra tries do not count as failures: with a period
 * of 10 s and a threshold of 3 a service that never answers has failed after 20 s, as it has there.
 */
export function afterTry(
  before: Progress,
  { healthy, startedAt, endedAt }: Try,
  { periodSeconds, successThreshold, failureThreshold }: Timing,
): { progress: Progress; changed: boolean; waitMs: number } {
  const periodMs = periodSeconds * 1000
  const untilNextPeriod = Math.max(0, startedAt + periodMs - endedAt)
  const settle = (progress: Progress, waitMs: number) => {
    const reached = progress.successes >= successThreshold || progress.failures >= failureThreshold
    const changed = reached && before.verdict !== healthy
    return { progress: changed ? { ...progress, verdict: healthy } : progress, changed, waitMs }
  }
  if (healthy) {
    const progress = { ...before, successes: before.successes + 1, failures: 0, succeeded: true }
    return settle(progress, untilNextPeriod)
  }
  if (before.succeeded) {
    return settle({ ...before, successes: 0, failures: before.failures + 1 }, untilNextPeriod)
  }
  const counts = startedAt >= before.countsFrom
  const progress = {
    ...before,
    failures: before.failures + (counts ? 1 : 0),
    countsFrom: counts ? startedAt + periodMs : before.countsFrom,
    retryMs: Math.min(before.retryMs * 2, periodMs),
  }
  return settle(progress, Math.min(before.retryMs, periodMs))
}
