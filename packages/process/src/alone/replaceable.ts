import type { HandoverError } from '../protocol/errors.js'
import type { DrainReport, ServiceState } from '../protocol/lifecycle.js'
import type { UpgradeReceipt } from './receipt.js'

/** As much of the service as its replacement needs. */
export interface ReplaceableService {
  readonly state: ServiceState
  /** Accepts nothing more, and resolves when the last connection has ended or moved. */
  drain(reason: string): Promise<DrainReport>
  /** The events of `ServiceEvents`. */
  emit(event: 'upgrading', pid: number): unknown
  emit(event: 'upgraded', receipt: UpgradeReceipt): unknown
  emit(event: 'upgradeFailed', error: HandoverError): unknown
  emit(event: 'warning', message: string): unknown
}

/** What a successor gets beside the listeners. */
export interface Transfers {
  /** Idle connections move to the process that receives them at these paths. */
  moveTo(paths: string[]): void
  /** For TLS session tickets, as in the message `ticketKeys`; null: this service has none. */
  ticketKeys(): string | null
}

/** An event, and a warning for an application that does not listen to it. */
export function reportFailure(service: ReplaceableService, error: HandoverError): void {
  service.emit('upgradeFailed', error)
  service.emit('warning', error.message)
}
