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
  timeoutSeconds: number
}

export const healthy = (reason: string): Outcome => ({ healthy: true, reason })
export const unhealthy = (reason: string): Outcome => ({ healthy: false, reason })
