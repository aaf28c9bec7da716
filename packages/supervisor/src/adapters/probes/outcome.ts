import type { ProbeTarget } from '../../ports.js'

/** The result of one attempt. `reason` is a clause. */
export interface Outcome {
  healthy: boolean
  reason: string
}

export interface TryContext {
  target: ProbeTarget
  /** Aborts on timeout, or when the probe is stopped. */
  signal: AbortSignal
  /** How long the instance may take to answer. */
  timeoutSeconds: number
  /** How long to search for the instance among those that share its listener. */
  searchSeconds: number
  /** Restarts the timeout of the attempt with this many seconds. Initially it is timeoutSeconds. */
  allow(seconds: number): void
}

export const healthy = (reason: string): Outcome => ({ healthy: true, reason })
export const unhealthy = (reason: string): Outcome => ({ healthy: false, reason })
