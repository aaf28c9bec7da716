import type { Instance } from './instance.js'
import type { Revision, Rollout } from './rollout.js'
import type { ListenerSpec } from './spec.js'

/** An open listener, with what is needed to get it back from a process that holds it. */
export interface OpenListener {
  name: string
  spec: ListenerSpec
  /** `[::]:3000`, `127.0.0.1:3000`, `unix:/run/web.sock`. */
  address: string
  /** Inode of the socket (fstat(2)). `/proc/PID/fd` shows which processes hold it. */
  inode: number
  /** An instance has bound it, the configuration does not name it. */
  discovered?: true
  /** That instance has asked for port 0. */
  anyPort?: true
  /** How long after it was ready the instance bound it, in milliseconds. Absent: before that. */
  lateMs?: number
  /** Its sockets if they are a group (see `Sockets.join`), in the kernel's order. The first is the listener's own. */
  group?: GroupMember[]
}

export interface GroupMember {
  inode: number
  /** The instance that it belongs to. Null: none has it for itself. */
  instance: string | null
}

/** Everything known about one service: a fold of its events. */
export interface ServiceState {
  name: string
  /** Oldest first. At most revisionHistoryLimit old ones, plus those that are in use. */
  revisions: Revision[]
  /**
   * The revision whose rollout completed last. A failed rollout goes back to it. Null until the first rollout
   * completes, and again once the service is stopped.
   */
  stable: number | null
  /** The revision that should run: the newest one, or the stable one during a rollback. 0 before the first rollout. */
  target: number
  /** The desired number of instances. Starts as spec.replicas; `scale` changes it. */
  replicas: number
  paused: boolean
  /** The user stopped the service: all instances drain, none is started. */
  stopping: boolean
  /** The service is stopped and has no instances. `stopping` stays true until it is started again. */
  stopped: boolean
  rollout: Rollout | null
  /** The sockets that the supervisor keeps open for it. */
  listeners: OpenListener[]
  /** Oldest first. Instances that are gone are not kept. */
  instances: Instance[]
  nextInstance: number
  nextRollout: number
  nextRevision: number
}
