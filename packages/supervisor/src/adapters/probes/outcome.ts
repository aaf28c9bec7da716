import type { ProbeTarget } from '../../ports.js'

/** What one try came to, with the reason as a clause. */
export interface Outcome {
  healthy: boolean
  reason: string
}

export interface TryContext {
  target: ProbeTarget
  /** Aborts when the time is over, or the probe is stopped. */
  signal: AbortSignal
  /** How long the instance may take to answer. */
  timeoutSeconds: number
  /** How long it may be searched for among those that share its listener, while others accept. */
  searchSeconds: number
  /** Gives the try that many seconds from now on; at first it has timeoutSeconds. */
  allow(seconds: number): void
}

export const healthy = (reason: string): Outcome => ({ healthy: true, reason })
export const unhealthy = (reason: string): Outcome => ({ healthy: false, reason })
