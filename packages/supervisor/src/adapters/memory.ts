import type { MemoryGauge } from '../ports.js'
import { residentBytes } from './linux/proc.js'

/** Time from one look to the next. */
const periodMs = 5000

/** One look at /proc serves all groups that are watched; while there are none nobody looks. */
export function openMemoryGauge(): MemoryGauge {
  const watched = new Map<object, { group: number; tell: (bytes: number) => void }>()
  let timer: NodeJS.Timeout | null = null

  function look(): void {
    const sizes = residentBytes(new Set([...watched.values()].map(({ group }) => group)))
    for (const [watch, { group, tell }] of [...watched]) {
      const bytes = sizes.get(group)
      if (bytes !== undefined && watched.has(watch)) tell(bytes) // one that was told may have stopped another
    }
  }

  return {
    watch(group, tell) {
      const watch = {}
      watched.set(watch, { group, tell })
      timer ??= setInterval(look, periodMs)
      return () => {
        watched.delete(watch)
        if (watched.size > 0 || timer === null) return
        clearInterval(timer)
        timer = null
      }
    },
  }
}
