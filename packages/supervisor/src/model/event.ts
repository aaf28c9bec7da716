import type { Failure } from './failure.js'
import type { DrainReason, Exit, SharedListener, StartProgress } from './instance.js'
import type { ConnectionAccount, Receipt, SeenConnections } from './receipt.js'
import type { Revision } from './rollout.js'
import type { OpenListener, ServiceState } from './state.js'

/**
 * What happened, as plain data. History, logs, the live picture, a command's output, the receipt and the exit
 * code are all folds of the same events. `at` is in milliseconds since the epoch.
 *
 * The journal holds these as JSON. Names of events and fields must not change: a newer supervisor reads the
 * journal of an older one.
 */
export type Event = { service: string; at: number } & EventBody

export type EventBody =
  // Requested by the user.
  | { type: 'RevisionCreated'; revision: Revision }
  | {
      type: 'RolloutStarted'
      rollout: number
      from: number | null
      to: number
      cause: string
      /** The instances that existed when the rollout started, for the receipt. */
      found?: FoundInstance[]
    }
  | { type: 'RolloutPaused' }
  | { type: 'RolloutResumed' }
  | { type: 'ServiceScaled'; replicas: number }
  | { type: 'ServiceStopping' }
  // Decided by the plan. Each states the intent of an action and is journaled before the action is carried out.
  | { type: 'InstanceStarting'; instance: string; revision: number; restarts: number }
  | { type: 'InstanceDraining'; instance: string; reason: DrainReason; deadline: number }
  | { type: 'InstanceKilled'; instance: string }
  | { type: 'InstanceExecuting'; instance: string; revision: number }
  | { type: 'RolloutCompleted'; rollout: number }
  | { type: 'RolloutFailed'; rollout: number; failure: Failure; rollingBack: boolean }
  | { type: 'RolloutRolledBack'; rollout: number }
  /** At the end of the rollout, and again when the last of the old instances has exited. */
  | { type: 'RolloutAccounted'; receipt: Receipt }
  // Observed.
  | {
      type: 'InstanceStarted'
      instance: string
      pid: number
      startTime: string
      shares?: SharedListener[]
      steered?: true
    }
  | { type: 'InstanceStartFailed'; instance: string; failure: Failure }
  /** Its process now runs the program of the new revision. */
  | { type: 'InstanceExecuted'; instance: string }
  /** Its process still runs the old program. `refused`: it can never replace its program in place. */
  | { type: 'InstanceExecFailed'; instance: string; failure: Failure; refused: boolean }
  | { type: 'InstanceBecameReady'; instance: string }
  | { type: 'InstanceBecameUnready'; instance: string; reason: string }
  /** Why it is not ready yet. Not journaled. */
  | { type: 'InstanceProgressed'; instance: string; progress: StartProgress }
  /** It was ready once, and now leaves new connections to the other instances, or no longer does. */
  | { type: 'InstanceAccepting'; instance: string; accepting: boolean }
  | { type: 'InstanceProbeFailed'; instance: string; probe: 'startup' | 'liveness'; reason: string }
  /** It uses more memory than `maxMemory` allows, and is therefore replaced. */
  | { type: 'InstanceExceededMemory'; instance: string; usedBytes: number; limitBytes: number }
  | { type: 'InstanceStatus'; instance: string; text: string }
  | { type: 'InstanceAccount'; instance: string; account: ConnectionAccount }
  | { type: 'InstanceStoppedAccepting'; instance: string }
  /** The signal was sent to an instance without the library. `connections`: what the kernel showed of them then. */
  | { type: 'InstanceSignalled'; instance: string; connections: SeenConnections }
  | { type: 'InstanceDrained'; instance: string; account: ConnectionAccount; cut: string[] }
  /** `cause`: why, as a sentence, if that is known. `left`: its connections then, if it was drained from outside. */
  | {
      type: 'InstanceExited'
      instance: string
      exit: Exit
      output: string[]
      cause?: string
      left?: SeenConnections
    }
  | { type: 'ServiceStopped' }
  /** `note`: what was discovered or closed, as a sentence without the name of the service. */
  | { type: 'ListenersChanged'; listeners: OpenListener[]; note?: string }
  /** A supervisor took over from an earlier one. The event holds the whole state; the journal before it is deleted. */
  | { type: 'ServiceRestored'; state: ServiceState; receipts: Receipt[] }

export interface FoundInstance {
  instance: string
  revision: number
  pid: number | null
  /** Its latest figures, if it has reported any. */
  account?: ConnectionAccount
}

export type EventType = EventBody['type']
export type EventOf<T extends EventType> = Extract<Event, { type: T }>
