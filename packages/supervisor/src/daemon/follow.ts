import type { Receipt } from '../model/index.js'
import type { Engine } from '../engine/index.js'
import { endsRollout } from '../engine/receipts.js'

/** Waits for things that events bring about. Follow first, then ask: nothing is missed, however fast it is. */
export interface Follow {
  /** The account of the service's next rollout end since the following began; null when the service was stopped. */
  rolloutEnded(service: string): Promise<Receipt | null>
  /** Until the condition holds; it is looked at now and after each event. */
  until(condition: () => boolean): Promise<void>
  end(): void
}

export function follow(engine: Engine): Follow {
  const ended = new Map<string, Receipt | null>()
  const waiters = new Set<() => void>()

  const unsubscribe = engine.subscribe((event) => {
    if (endsRollout(event)) ended.set(event.service, engine.service(event.service)?.receipt ?? null)
    if (event.type === 'ServiceStopping' && !ended.has(event.service)) ended.set(event.service, null)
    // After the whole step: a condition must see the state in which the loop comes to rest.
    queueMicrotask(() => {
      for (const look of waiters) look()
    })
  })

  const until = (condition: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const look = () => {
        if (!condition()) return
        waiters.delete(look)
        resolve()
      }
      waiters.add(look)
      look()
    })

  return {
    until,
    async rolloutEnded(service) {
      await until(() => ended.has(service))
      return ended.get(service) ?? null
    },
    end: unsubscribe,
  }
}
