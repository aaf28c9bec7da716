import type { Failure } from './failure.js'
import type { DrainReason, Exit } from './instance.js'
import type { ConnectionAccount, Receipt } from './receipt.js'
import type { Revision } from './rollout.js'
import type { OpenListener, ServiceState } from './state.js'

/**
 * What happened. Past tense, plain data: history, logs, metrics, dashboard, the command's output, the receipt
 * and the exit code are all folds of the same events. `at` is milliseconds since the epoch.
 */
export type Event = { service: string; at: number } & EventBody

export type EventBody =
  // asked for by the user
  | { type: 'RevisionCreated'; revision: Revision }
  | {
      type: 'RolloutStarted'
      rollout: number
      from: number | null
      to: number
      cause: string
      /** The instances that it found, for the receipt. */
      found?: FoundInstance[]
    }
  | { type: 'RolloutPaused' }
  | { type: 'RolloutResumed' }
  | { type: 'ServiceScaled'; replicas: number }
  | { type: 'ServiceStopping' }
  // decided by the plan: each is the intent of an action, journaled before it is carried out
  | { type: 'InstanceStarting'; instance: string; revision: number; restarts: number }
  | { type: 'InstanceDraining'; instance: string; reason: DrainReason; deadline: number }
  | { type: 'InstanceKilled'; instance: string }
  | { type: 'InstanceExecuting'; instance: string; revision: number }
  | { type: 'RolloutCompleted'; rollout: number }
  | { type: 'RolloutFailed'; rollout: number; failure: Failure; rollingBack: boolean }
  | { type: 'RolloutRolledBack'; rollout: number }
  /** At its end, and again when the last of its old instances is gone. */
  | { type: 'RolloutAccounted'; receipt: Receipt }
  // seen in the world
  | { type: 'InstanceStarted'; instance: string; pid: number; startTime: string }
  | { type: 'InstanceStartFailed'; instance: string; failure: Failure }
  /** The program of that revision runs in its process now. */
  | { type: 'InstanceExecuted'; instance: string }
  /** It goes on with the program that it had. `refused`: it cannot do such a thing at all. */
  | { type: 'InstanceExecFailed'; instance: string; failure: Failure; refused: boolean }
  | { type: 'InstanceBecameReady'; instance: string }
  | { type: 'InstanceBecameUnready'; instance: string; reason: string }
  | { type: 'InstanceProbeFailed'; instance: string; probe: 'startup' | 'liveness'; reason: string }
  /** It has more in memory than its spec's `maxMemory` allows, and is replaced for it. */
  | { type: 'InstanceExceededMemory'; instance: string; usedBytes: number; limitBytes: number }
  | { type: 'InstanceStatus'; instance: string; text: string }
  | { type: 'InstanceAccount'; instance: string; account: ConnectionAccount }
  | { type: 'InstanceStoppedAccepting'; instance: string }
  | { type: 'InstanceDrained'; instance: string; account: ConnectionAccount; cut: string[] }
  | { type: 'InstanceExited'; instance: string; exit: Exit; output: string[] }
  | { type: 'ServiceStopped' }
  | { type: 'ListenersChanged'; listeners: OpenListener[] }
  /** A supervisor began where an earlier one left off: what it knew stands here, and the journal before it is gone. */
  | { type: 'ServiceRestored'; state: ServiceState; receipts: Receipt[] }

export interface FoundInstance {
  instance: string
  revision: number
  pid: number | null
  /** Its newest figures, if it has told any. */
  account?: ConnectionAccount
}

export type EventType = EventBody['type']
export type EventOf<T extends EventType> = Extract<Event, { type: T }>
