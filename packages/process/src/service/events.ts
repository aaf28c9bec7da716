import type dgram from 'node:dgram'
import type net from 'node:net'
import type { UpgradeReceipt } from '../alone/receipt.js'
import type { InheritedListener } from '../listeners/inherited.js'
import type { HandoverError } from '../protocol/errors.js'
import type { DrainReport } from '../protocol/lifecycle.js'

export interface ServiceEvents {
  /** `listener`: the inherited listener, if the server adopted one. */
  listening: [server: net.Server | dgram.Socket, address: string, listener?: InheritedListener]
  ready: []
  draining: [reason: string]
  /** Only requests are left that have waited for `drain.patienceSeconds`: an application may answer long polls now. */
  waiting: []
  drained: [report: DrainReport]
  /** An upgrade has begun. `pid`: of the new process. */
  upgrading: [pid: number]
  /** The new process serves. This one has no connections left, and exits next. */
  upgraded: [receipt: UpgradeReceipt]
  /** An upgrade failed or was refused, and this process keeps serving. Also a process warning. */
  upgradeFailed: [error: HandoverError]
  /** Something failed that is not essential for the service. Also a process warning. */
  warning: [message: string]
}
