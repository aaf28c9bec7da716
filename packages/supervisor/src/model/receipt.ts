import type { ConnectionAccount } from '@handover/process/protocol'
import type { DrainReason, Exit } from './instance.js'
import type { Failure } from './failure.js'

export type { ConnectionAccount }

/** What the kernel counted during the rollout, machine-wide: nstat's names (/proc/net/netstat, /proc/net/snmp). */
export interface KernelCounters {
  ListenOverflows: number
  ListenDrops: number
  /** Datagrams that found a full queue, IPv4 and IPv6; absent in older accounts. */
  UdpRcvbufErrors?: number
}

export interface InstanceReceipt {
  id: string
  revision: number
  pid: number | null
  /** Which side of the rollout it is on. */
  side: 'old' | 'new'
  /** Milliseconds from its start to ready; absent if it never was. */
  readyMs?: number
  /** Milliseconds from SIGTERM until it accepted nothing any more, and until it exited. */
  stoppedAcceptingMs?: number
  drainMs?: number
  reason?: DrainReason
  exit?: Exit
  /** SIGKILL had to be sent at the end of the grace period. */
  killed: boolean
  /** Null where the instance has no library: then nothing can be known. */
  account: ConnectionAccount | null
  /** It replaced its own program, in the same process: what it `adopted` it had before. */
  inPlace?: true
  /** Connections that the account does not explain; see `unaccounted`. Absent without an account. */
  unaccounted?: number
}

/** Connections that came minus those of which it is known what became of them: anything but 0 is a fault. */
export function unaccounted(account: ConnectionAccount): number {
  const { accepted, adopted, endedByPeer, endedOrderly, endedAtDeadline, handedOver, open } = account
  return accepted + adopted - (endedByPeer + endedOrderly + endedAtDeadline + handedOver + open)
}

/** Milliseconds from the start of a rollout until all of them were that far; null where one never was. */
export interface Phases {
  /** The new instances were ready. */
  ready: number | null
  /** The old instances accepted nothing any more. */
  stoppedAccepting: number | null
  /** The old instances were gone. */
  drained: number | null
}

export type RolloutOutcome = 'complete' | 'rolled-back' | 'failed' | 'stopped'

/** The account of one rollout: what happened, how long it took, and what became of every connection. */
export interface Receipt {
  service: string
  rollout: number
  cause: string
  outcome: RolloutOutcome
  fromRevision: number | null
  toRevision: number
  /** Milliseconds since the epoch. */
  startedAt: number
  endedAt: number
  /** Milliseconds from the start of the rollout to its end. */
  wallMs: number
  phases: Phases
  failure: Failure | null
  instances: InstanceReceipt[]
  kernel: KernelCounters | null
  /** Old instances that still drained when the rollout ended. */
  draining: number
}
