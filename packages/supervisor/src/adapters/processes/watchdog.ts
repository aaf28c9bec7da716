import type { NotifyMessage } from './notify-message.js'

/** The watchdog of sd_notify(3), for an instance that has requested one with WATCHDOG_USEC=. */
export interface Watchdog {
  message(message: NotifyMessage): void
  stop(): void
}

/**
 * Calls back each time that a WATCHDOG=1 is missing, and at WATCHDOG=trigger. An instance that never sends
 * WATCHDOG_USEC= has no watchdog: the supervisor does not set WATCHDOG_USEC in its environment.
 */
export function openWatchdog(onMissed: (reason: string) => void): Watchdog {
  let period: number | null = null
  let timer: NodeJS.Timeout | undefined
  let stopped = false

  function arm(): void {
    clearTimeout(timer)
    if (period === null || stopped) return
    const wait = period
    const armedAt = performance.now()
    timer = setTimeout(() => {
      // If the supervisor itself hung or was stopped, it has not read the messages that arrived meanwhile.
      const late = performance.now() - armedAt - wait > wait / 2
      if (!late) onMissed(`no WATCHDOG=1 within ${wait / 1000} s`)
      arm()
    }, wait)
  }

  return {
    message({ watchdog, trigger, watchdogMicroseconds }) {
      if (watchdogMicroseconds !== undefined)
        // 0 switches it off (sd_notify(3)); setTimeout takes no more than 2^31-1 ms.
        period = watchdogMicroseconds === 0 ? null : Math.min(watchdogMicroseconds / 1000, 2 ** 31 - 1)
      if (watchdog || watchdogMicroseconds !== undefined) arm()
      if (trigger && !stopped) onMissed('it sent WATCHDOG=trigger')
    },
    stop() {
      stopped = true
      clearTimeout(timer)
    },
  }
}
