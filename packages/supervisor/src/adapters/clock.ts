import type { Clock } from '../ports.js'

/** The longest delay of setTimeout, about 24.8 days. A longer one would fire at once. */
const maxDelayMs = 2 ** 31 - 1

export function systemClock(): Clock {
  return { now: Date.now, at }
}

/** Timers use the monotonic clock and `time` is wall-clock time, so it is compared again before calling back. */
function at(time: number, callback: () => void): () => void {
  let timer: NodeJS.Timeout
  const arm = () => {
    const delay = Math.ceil(time - Date.now())
    timer = setTimeout(
      () => (Date.now() >= time ? callback() : arm()),
      Math.min(Math.max(0, delay), maxDelayMs),
    )
  }
  arm()
  return () => clearTimeout(timer)
}
