import type { MemoryGauge } from '../ports.js'
import { residentBytes } from './linux/proc.js'

const periodMs = 5000

/** One scan of /proc measures all watched groups. Without any there is no timer. */
export function openMemoryGauge(): MemoryGauge {
  const watched = new Map<object, { group: number; onSample: (bytes: number) => void }>()
  let timer: NodeJS.Timeout | null = null

  function measure(): void {
    const sizes = residentBytes(new Set([...watched.values()].map(({ group }) => group)))
    for (const [watch, { group, onSample }] of [...watched]) {
      const bytes = sizes.get(group)
      if (bytes !== undefined && watched.has(watch)) onSample(bytes) // a callback may have stopped another watch
    }
  }

  return {
    watch(group, onSample) {
      const watch = {}
      watched.set(watch, { group, onSample })
      timer ??= setInterval(measure, periodMs)
      return () => {
        watched.delete(watch)
        if (watched.size > 0 || timer === null) return
        clearInterval(timer)
        timer = null
      }
    },
  }
}
