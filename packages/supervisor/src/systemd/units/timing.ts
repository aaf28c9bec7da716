import type { ServiceSpec } from '../../model/index.js'

/** What the times of a unit must be, given those of its services. All in seconds. */
export interface Timing {
  stopSeconds: number
  startSeconds: number
  watchdogSeconds: number
}

/** From the last instance's end until the supervisor has written its journal and exited. */
const stopMargin = 5
/** Reading the configuration and opening the listeners, on a machine that is booting. */
const startMargin = 30

/**
 * - Stop: every service drains at the same time, and the slowest instance gets SIGKILL at its grace period's
 *   end: two services of 30 s and 60 s need 65 s.
 * - Start: the first sign that a start has failed is progressDeadlineSeconds. While progress is made, and while a
 *   reload rolls, EXTEND_TIMEOUT_USEC prolongs it.
 * - Watchdog: a supervisor that hangs sends no SIGKILL. It is replaced within half of the shortest grace period,
 *   so that the replacement can; not sooner than 10 s, as a busy machine is no reason, nor later than 30 s.
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

/** How many there are, of all services together. */
export const listenersOf = (specs: ServiceSpec[]): number =>
  specs.reduce((sum, { listen }) => sum + Object.keys(listen).length, 0)

/** What systemd was told about the unit, as far as it bears on a drain; null: not known. */
export interface UnitLimits {
  unit: string
  /** Infinity: none. */
  stopSeconds: number | null
  killMode: string | null
  storeMax: number | null
}

/**
 * What cannot be kept, a sentence each with both numbers. Empty: it adds up. That a drain fits into its own
 * grace period is looked at where the configuration is.
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
      `${unit}: TimeoutStopSec is ${stopSeconds} s, but the longest terminationGracePeriodSeconds, ${grace} s, needs ${needed} s`,
    )
  if (killMode !== null && killMode !== 'process')
    warnings.push(
      `${unit}: KillMode is "${killMode}", "process" was expected: the instances are killed with a supervisor that crashes`,
    )
  const listeners = listenersOf(specs)
  if (storeMax !== null && storeMax < listeners)
    warnings.push(
      `${unit}: FileDescriptorStoreMax is ${storeMax}, but there ${listeners === 1 ? 'is 1 listener' : `are ${listeners} listeners`}: what does not fit refuses connections once supervisor and instances are killed together`,
    )
  return warnings
}
