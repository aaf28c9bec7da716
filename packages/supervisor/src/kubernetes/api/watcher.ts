import type { Aim, Deployment, Verdict, Watched } from '../rollout/index.js'
import {
  changes,
  deploymentStatus,
  isListed,
  judge,
  nothingWatched,
  numbered,
  observe,
} from '../rollout/index.js'
import type { Rollout, ServiceStatus } from '../../model/index.js'
import type { follow } from './follow.js'
import type { ApiFailure } from './ports.js'

/** Collects the observations of one Deployment and lets callers wait for a condition or a verdict. */
export interface Watcher {
  watched(): Watched
  observe: Parameters<typeof follow>[0]['onObservation']
  show(rollout: (now: number) => Rollout | null, numbers?: Record<string, number>): void
  /** Resolves with true once the condition holds, with false if the watcher is closed first. */
  until(condition: (watched: Watched) => boolean): Promise<boolean>
  /** Resolves with the end of the rollout, with null if the watcher is closed first. */
  verdict(aim: Aim): Promise<Exclude<Verdict, { type: 'waiting' }> | null>
  close(failure: ApiFailure | null): void
  /** The reason that `close` got. */
  lost(): ApiFailure | null
}

export interface WatcherOptions {
  deployment: Deployment
  onStatus(status: ServiceStatus): void
  onNote(text: string): void
}

/** Milliseconds between two checks of deadlines, and between two pictures. */
const tick = 250

export function openWatcher({ deployment, onStatus, onNote }: WatcherOptions): Watcher {
  let watched = nothingWatched(deployment.metadata.name)
  let rollout: (now: number) => Rollout | null = () => null
  let numbers: Record<string, number> = {}
  let closed = false
  let failure: ApiFailure | null = null
  const waiters = new Set<() => void>()
  const wake = () => {
    for (const look of [...waiters]) look()
    if (isListed(watched))
      onStatus(deploymentStatus(numbered(watched, numbers), rollout(Date.now()), Date.now()))
  }
  const timer = setInterval(wake, tick)
  const wait = <T>(look: () => T | null): Promise<T | null> =>
    new Promise((resolve) => {
      const attempt = () => {
        const found = look()
        if (found === null && !closed) return
        waiters.delete(attempt)
        resolve(found)
      }
      waiters.add(attempt)
      attempt()
    })
  return {
    watched: () => watched,
    observe(observation) {
      const before = watched
      const now = Date.now()
      watched = observe(before, observation, now)
      if (isListed(before)) for (const line of changes(before, watched, now)) onNote(line)
      wake()
    },
    show(next, frozen = {}) {
      rollout = next
      numbers = frozen
      wake()
    },
    until: async (condition) => (await wait(() => (condition(watched) ? true : null))) === true,
    verdict: (aim) =>
      wait(() => {
        const verdict = judge(watched, aim, Date.now())
        return verdict.type === 'waiting' ? null : verdict
      }),
    close(reason) {
      closed = true
      failure = reason
      clearInterval(timer)
      wake()
    },
    lost: () => failure,
  }
}
