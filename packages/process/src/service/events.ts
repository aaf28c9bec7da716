import type dgram from 'node:dgram'
import type net from 'node:net'
import type { UpgradeReceipt } from '../alone/receipt.js'
import type { InheritedListener } from '../listeners/inherited.js'
import type { HandoverError } from '../protocol/errors.js'
import type { DrainReport } from '../protocol/lifecycle.js'

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
