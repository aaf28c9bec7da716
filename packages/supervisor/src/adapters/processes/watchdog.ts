import type { NotifyMessage } from './notify-message.js'

/** The watchdog of sd_notify(3), for an instance that has asked for one with WATCHDOG_USEC=. */
export interface Watchdog {
  notified(message: NotifyMessage): void
  stop(): void
}

/**
 * Calls back each time that a sign of life is missed, and at WATCHDOG=trigger. An instance that never says
 * WATCHDOG_USEC= has none: WATCHDOG_USEC is not in its environment, so nothing was agreed on.
 */
export function openWatchdog(missed: (reason: string) => void): Watchdog {
  let period: number | null = null
  let timer: NodeJS.Timeout | undefined
  let stopped = false

  function arm(): void {
    clearTimeout(timer)
    if (period === null || stopped) return
    const wait = period
    const armedAt = performance.now()
    timer = setTimeout(() => {
      // A supervisor that hung, or was stopped, has not read what came meanwhile: then nothing is known.
      const late = performance.now() - armedAt - wait > wait / 2
      if (!late) missed(`no WATCHDOG=1 came within ${wait / 1000} s`)
      arm()
    }, wait)
  }

  return {
    notified({ watchdog, trigger, watchdogMicroseconds }) {
      if (watchdogMicroseconds !== undefined)
        // 0 switches it off (sd_notify(3)); setTimeout takes no more than 2^31-1 ms.
        period = watchdogMicroseconds === 0 ? null : Math.min(watchdogMicroseconds / 1000, 2 ** 31 - 1)
      if (watchdog || watchdogMicroseconds !== undefined) arm()
      if (trigger && !stopped) missed('it said WATCHDOG=trigger')
    },
    stop() {
      stopped = true
      clearTimeout(timer)
    },
  }
}
