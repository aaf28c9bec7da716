import type { Receipt } from '../model/index.js'
import type { Engine } from '../engine/index.js'
import { endsRollout } from '../engine/receipts.js'

/** Waits for the effects of commands. Must be created before the command, so that no event is missed. */
export interface Follow {
  /** The receipt of the first rollout of the service that ended after `follow`. Null if the service was stopped. */
  rolloutEnded(service: string): Promise<Receipt | null>
  /** Resolves when the condition holds. It is checked now and after each event. */
  until(condition: () => boolean): Promise<void>
  end(): void
}

export function follow(engine: Engine): Follow {
  const ended = new Map<string, Receipt | null>()
  const waiters = new Set<() => void>()

  const unsubscribe = engine.subscribe((event) => {
    if (endsRollout(event)) ended.set(event.service, engine.service(event.service)?.receipt ?? null)
    if (event.type === 'ServiceStopping' && !ended.has(event.service)) ended.set(event.service, null)
    // After the loop has handled all events: conditions must not see intermediate states.
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
