import type { Clock } from '../ports.js'

/** The longest delay that setTimeout takes; a longer one would fire at once. About 24.8 days. */
const longestDelay = 2 ** 31 - 1

export function systemClock(): Clock {
  return { now: Date.now, at }
}

/** Timers run on the monotonic clock and times are the wall clock's: it looks again before it calls back. */
function at(time: number, callback: () => void): () => void {
  let timer: NodeJS.Timeout
  const arm = () => {
    const delay = Math.ceil(time - Date.now())
    timer = setTimeout(
      () => (Date.now() >= time ? callback() : arm()),
      Math.min(Math.max(0, delay), longestDelay),
    )
  }
  arm()
  return () => clearTimeout(timer)
}
