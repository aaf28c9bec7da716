import type { ProbeSpec } from '../../model/index.js'

/** The state of a series of attempts. Times are in milliseconds of a monotonic clock. */
export interface Progress {
  /** The last verdict. Null before the first. */
  verdict: boolean | null
  /** Consecutive successes. */
  successes: number
  /** Consecutive failures. */
  failures: number
  /** Whether any attempt has succeeded. */
  succeeded: boolean
  /** Until the first success: how long to wait before the next attempt. */
  retryMs: number
  /** Until the first success: failures of attempts that started before this time do not count. */
  countsFrom: number
}

export interface Try {
  healthy: boolean
  startedAt: number
  endedAt: number
}

type Timing = Pick<ProbeSpec, 'periodSeconds' | 'successThreshold' | 'failureThreshold'>

/** The first pause between attempts while the service starts. It doubles up to the period. */
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
 * Counts as Kubernetes does, except that until the first success there is more than one attempt per period, so that a
 * rollout need not wait for a period to end. Failures of the extra attempts do not count. Example: with a period of 10 s
 * and a threshold of 3, a service that never answers fails after 20 s, as in Kubernetes.
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
