import type { HandoverError } from '../protocol/errors.js'
import type { DrainReport, ServiceState } from '../protocol/lifecycle.js'
import type { UpgradeReceipt } from './receipt.js'

/** The part of the service that its replacement needs. */
export interface ReplaceableService {
  readonly state: ServiceState
  /** Stops accepting, and resolves when the last connection has ended or moved. */
  drain(reason: string): Promise<DrainReport>
  /** The events of `ServiceEvents`. */
  emit(event: 'upgrading', pid: number): unknown
  emit(event: 'upgraded', receipt: UpgradeReceipt): unknown
  emit(event: 'upgradeFailed', error: HandoverError): unknown
  emit(event: 'warning', message: string): unknown
}

/** What a successor gets besides the listeners. */
export interface Transfers {
  /** Idle connections move to the processes that receive them on the sockets at these paths. */
  moveTo(paths: string[]): void
  /** For TLS session tickets, as in the message `ticketKeys`. Null if this service has none. */
  ticketKeys(): string | null
}

/** Emits an event. If the application does not listen to it, it is a process warning instead. */
export function reportFailure(service: ReplaceableService, error: HandoverError): void {
  service.emit('upgradeFailed', error)
  service.emit('warning', error.message)
}
