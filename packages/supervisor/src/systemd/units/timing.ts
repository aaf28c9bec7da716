import type { ServiceSpec } from '../../model/index.js'

/** Timeouts of a unit in seconds, derived from its services. */
export interface Timing {
  stopSeconds: number
  startSeconds: number
  watchdogSeconds: number
}

/** Seconds for the supervisor to write its journal and exit once the last instance has ended. */
const stopMargin = 5
/** Seconds to read the configuration and open the listeners while the machine boots. */
const startMargin = 30

/**
 * - Stop: services drain at the same time, and the slowest instance gets SIGKILL at the end of its grace period:
 *   services with 30 s and 60 s need 65 s.
 * - Start: progressDeadlineSeconds shows first that a start has failed. EXTEND_TIMEOUT_USEC extends the limit
 *   while there is progress, and during a reload.
 * - Watchdog: a hanging supervisor sends no SIGKILL, so its replacement must come in time to do it: after half of
 *   the shortest grace period. At least 10 s, since a busy machine is no failure, and at most 30 s.
 */
export function timingOf(specs: ServiceSpec[]): Timing {
  const graces = specs.map(({ terminationGracePeriodSeconds }) => terminationGracePeriodSeconds)
  const deadlines = specs.map(({ progressDeadlineSeconds }) => progressDeadlineSeconds)
  return {
    stopSeconds: Math.ceil(Math.max(0, ...graces)) + stopMargin,
    startSeconds: Math.ceil(Math.max(0, ...deadlines)) + startMargin,
    watchdogSeconds: Math.min(30, Math.max(10, Math.floor(Math.min(60, ...graces) / 2))),
  }
}

/** Number of listeners of all services. */
export const listenersOf = (specs: ServiceSpec[]): number =>
  specs.reduce((sum, { listen }) => sum + Object.keys(listen).length, 0)

/** Settings of the unit that matter for a drain. Null if they are unknown. */
export interface UnitLimits {
  unit: string
  /** TimeoutStopSec=. Infinity if there is no limit. */
  stopSeconds: number | null
  killMode: string | null
  storeMax: number | null
}

/**
 * A sentence with both numbers for each limit of the unit that its services exceed. Whether a drain fits into its
 * own grace period is checked with the configuration.
 */
export function drainWarnings(specs: ServiceSpec[], limits: UnitLimits): string[] {
  const { unit, stopSeconds, killMode, storeMax } = limits
  const warnings: string[] = []
  const needed = timingOf(specs).stopSeconds
  const grace = Math.max(
    0,
    ...specs.map(({ terminationGracePeriodSeconds }) => terminationGracePeriodSeconds),
  )
  if (stopSeconds !== null && stopSeconds < needed)
    warnings.push(
      `${unit}: TimeoutStopSec is ${stopSeconds} s, wanted ${needed} s or more: the longest terminationGracePeriodSeconds is ${grace} s`,
    )
  if (killMode !== null && killMode !== 'process')
    warnings.push(
      `${unit}: KillMode is "${killMode}", wanted "process": a supervisor that crashes takes its instances with it`,
    )
  const listeners = listenersOf(specs)
  if (storeMax !== null && storeMax < listeners)
    warnings.push(
      `${unit}: FileDescriptorStoreMax is ${storeMax}, wanted ${listeners} or more, the number of listeners: the others refuse connections after the supervisor and all instances are killed together`,
    )
  return warnings
}
