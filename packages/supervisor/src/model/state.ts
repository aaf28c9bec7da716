import type { Instance } from './instance.js'
import type { Revision, Rollout } from './rollout.js'
import type { ListenerSpec } from './spec.js'

/** A listener that is open: enough to take it back from whoever holds it. */
export interface OpenListener {
  name: string
  spec: ListenerSpec
  /** As a person writes it: `[::]:3000`, `127.0.0.1:3000`, `unix:/run/web.sock`. */
  address: string
  /** Inode of the socket (fstat(2)): `/proc/PID/fd` shows who holds it. */
  inode: number
}

/** All that is known of one service: a fold of its events. */
export interface ServiceState {
  name: string
  /** Oldest first; never more than revisionHistoryLimit old ones. */
  revisions: Revision[]
  /**
   * The revision that serves, or served last, in full: what a failed rollout goes back to. Null until the
   * first rollout completed, and again once the service was stopped.
   */
  stable: number | null
  /** The revision that should run: the newest one, or the stable one while rolling back. */
  target: number
  /** Wanted instances. Starts as spec.replicas; `scale` changes it. */
  replicas: number
  paused: boolean
  /** The user wants it gone: everything drains, nothing starts. */
  stopping: boolean
  /** It was stopped and nothing of it is left; `stopping` stays true until it is started again. */
  stopped: boolean
  rollout: Rollout | null
  /** The sockets that the supervisor keeps open for it. */
  listeners: OpenListener[]
  /** Living instances, oldest first. Gone ones are not kept. */
  instances: Instance[]
  nextInstance: number
  nextRollout: number
  nextRevision: number
}
