import type { Instance } from './instance.js'
import type { Revision, Rollout } from './rollout.js'

/** All that is known of one service: a fold of its events. */
export interface ServiceState {
  name: string
  /** Oldest first; never more than revisionHistoryLimit old ones. */
  revisions: Revision[]
  /** The revision that serves, or served last, in full; null until the first rollout completed. */
  stable: number | null
  /** The revision that should run: the newest one, or the stable one while rolling back. */
  target: number
  /** Wanted instances. Starts as spec.replicas; `scale` changes it. */
  replicas: number
  paused: boolean
  /** The user wants it gone: everything drains, nothing starts. */
  stopping: boolean
  rollout: Rollout | null
  /** Living instances, oldest first. Gone ones are not kept. */
  instances: Instance[]
  nextInstance: number
  nextRollout: number
}
