import type dgram from 'node:dgram'
import type net from 'node:net'
import type { UpgradeReceipt } from '../alone/receipt.js'
import type { InheritedListener } from '../listeners/inherited.js'
import type { HandoverError } from '../protocol/errors.js'
import type { DrainReport } from '../protocol/lifecycle.js'

export interface ServiceEvents {
  /** `listener`: the inherited one, if the server adopted one. */
  listening: [server: net.Server | dgram.Socket, address: string, listener?: InheritedListener]
  ready: []
  draining: [reason: string]
  drained: [report: DrainReport]
  /** An upgrade has begun, and this is the pid of the new process. */
  upgrading: [pid: number]
  /** The new process serves, and nothing is left in this one, which exits next. */
  upgraded: [receipt: UpgradeReceipt]
  /** An upgrade failed, or was refused; this process keeps serving. Also a warning. */
  upgradeFailed: [error: HandoverError]
  /** Something failed that the service can do without. Also a process warning. */
  warning: [message: string]
}
