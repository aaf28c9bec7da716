import type { ListenerSpec } from './spec.js'
import type { Instance } from './instance.js'
import type { JournalBacklog } from './journal.js'
import type { Rollout } from './rollout.js'

/** What `handover status --json` prints. Times are milliseconds since the epoch. */
export interface Status {
  supervisor: {
    name: string
    pid: number
    version: string
    startedAt: number
    rssBytes: number
    /** Path of its configuration. Null if its services are from the command line. */
    config: string | null
    /** Only while the journal cannot be written. */
    journalBacklog?: JournalBacklog
  }
  services: ServiceStatus[]
}

export interface ServiceStatus {
  name: string
  /** The revision that should run. */
  revision: number
  replicas: number
  ready: number
  /** Ready for at least minReadySeconds. */
  available: number
  paused: boolean
  stopping: boolean
  rollout: Rollout | null
  /** Why nothing more can be done right now, in sentences. */
  waiting: string[]
  listeners: { name: string; spec: ListenerSpec; address: string; discovered?: true }[]
  instances: InstanceStatus[]
}

export interface InstanceStatus {
  id: string
  pid: number | null
  revision: number
  state: Instance['state']
  startedAt: number
  restarts: number
  /** Open connections. Null if the library is not in the instance. */
  connections: number | null
  /** False while it leaves new connections to the other instances, because it is not ready. Absent if unknown. */
  accepting?: boolean
  /** Its last STATUS= line (sd_notify(3)). Null if it sent none. */
  text: string | null
}
