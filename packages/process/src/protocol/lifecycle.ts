import type dgram from 'node:dgram'
import type net from 'node:net'
import type { UpgradeReceipt } from '../alone/receipt.js'
import type { HandoverError } from './errors.js'
import type { InheritedListener } from '../listeners/inherited.js'
import type { ConnectionAccount } from '../protocol.js'

/**
 *     starting ──► ready ──► draining ──► closed
 *        │                      ▲
 *        └──────────────────────┘
 */
export type ServiceState = 'starting' | 'ready' | 'draining' | 'closed'

export interface DrainReport {
  /** Why it drained: the signal's name, or what `drain()` was given. */
  reason: string
  /** What was cut at the deadline, for example `GET /slow 12.3 s`; empty when everything was finished. */
  cut: string[]
  /** From the start of the drain to the end of the last connection, hooks included. */
  seconds: number
  account: ConnectionAccount
}

export type Hook = (reason: string) => unknown

export interface ServiceEvents {
  /** `listener`: the inherited one, if it was adopted. */
  listening: [server: net.Server | dgram.Socket, address: string, listener?: InheritedListener]
  ready: []
  draining: [reason: string]
  drained: [report: DrainReport]
  /** An upgrade has begun, and this process shall take our place. */
  upgrading: [pid: number]
  /** It has taken our place, and nothing is left here; the process exits next. */
  upgraded: [receipt: UpgradeReceipt]
  /** It did not, or no upgrade may begin now; this process goes on. Also a warning. */
  upgradeFailed: [error: HandoverError]
  /** Something did not work that the service can do without; also a process warning. */
  warning: [message: string]
}
