import type { ConnectionAccount } from '@handover/process/protocol'
import type { DrainReason, Exit } from './instance.js'
import type { Failure } from './failure.js'

export type { ConnectionAccount }

/** What the kernel of this machine counted during the rollout (/proc/net/netstat, /proc/net/snmp; names as in nstat(8)). */
export interface KernelCounters {
  ListenOverflows: number
  ListenDrops: number
  /** Datagrams dropped because the receive queue was full, IPv4 and IPv6. Absent in older receipts. */
  UdpRcvbufErrors?: number
}

/** Connections of an instance without the library, as the kernel shows them (sock_diag(7)). */
export interface SeenConnections {
  /** The instance has not answered what it received last, as far as the kernel can tell. */
  owing: number
  idle: number
}

export interface InstanceReceipt {
  id: string
  revision: number
  pid: number | null
  /** Whether it belongs to the revision that the rollout replaces (`old`) or installs (`new`). */
  side: 'old' | 'new'
  /** Milliseconds from its start until it was ready. Absent if it never was. */
  readyMs?: number
  /** Milliseconds from SIGTERM until it stopped accepting connections. */
  stoppedAcceptingMs?: number
  /** Milliseconds from SIGTERM until it exited. */
  drainMs?: number
  reason?: DrainReason
  exit?: Exit
  /** It was killed with SIGKILL at the end of its grace period. */
  killed: boolean
  /** Null if the library is not in the instance: its connections cannot be counted then. */
  account: ConnectionAccount | null
  /** When it was not ready any more, oldest first. Absent if it always was. */
  unready?: UnreadySpell[]
  /** It replaced its own program in the same process. The connections that it `adopted` were its own before. */
  inPlace?: true
  /** Set for an instance without the library that has a socket of its own. */
  seen?: {
    /** When the signal was sent. */
    atSignal: SeenConnections
    /** When it was last looked at before it exited. Absent until then. Those owing are cut. */
    left?: SeenConnections
  }
  /** Connections that the account does not explain, see `unaccounted`. Absent without an account. */
  unaccounted?: number
}

/** A time in which an instance that had been ready was not. */
export interface UnreadySpell {
  /** Milliseconds from the start of the rollout until it began. */
  afterMs: number
  /** How long it was, in milliseconds. Absent if it had not ended. */
  ms?: number
  reason: string
  /** It left new connections to the other instances. */
  leftConnections: boolean
}

/** Connections that arrived minus those whose end is known. Any value other than 0 is a bug. */
export function unaccounted(account: ConnectionAccount): number {
  const { accepted, adopted, endedByPeer, endedOrderly, endedAtDeadline, handedOver, open } = account
  return accepted + adopted - (endedByPeer + endedOrderly + endedAtDeadline + handedOver + open)
}

/** Milliseconds from the start of a rollout until all instances reached a phase. Null if one of them never did. */
export interface Phases {
  /** All new instances were ready. */
  ready: number | null
  /** All old instances had stopped accepting connections. */
  stoppedAccepting: number | null
  /** All old instances had exited. */
  drained: number | null
}

export type RolloutOutcome = 'complete' | 'rolled-back' | 'failed' | 'stopped'

/** The report of one rollout: what happened, how long it took, and how every connection ended. */
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
  /** How many old instances were still draining when the rollout ended. */
  draining: number
}

/**
 * How many connections of the instance ended without their answer. Null if that is not known: the instance has not
 * exited, or has neither the library nor a socket of its own.
 */
export function cutConnections({ account, seen }: Pick<InstanceReceipt, 'account' | 'seen'>): number | null {
  return account?.endedAtDeadline ?? seen?.left?.owing ?? null
}
