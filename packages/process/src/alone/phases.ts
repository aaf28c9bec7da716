import type { SuccessorMessage } from '../protocol/messages.js'
import type { Phase, UpgradeReceipt } from './receipt.js'

/** When each phase of an upgrade was reached: seconds from its beginning, to the millisecond. */
export class Phases {
  readonly phases: UpgradeReceipt['phases'] = {
    started: null,
    listening: null,
    ready: null,
    stoppedAccepting: null,
    drained: null,
  }
  readonly #startedAt = performance.now()

  heard({ type }: SuccessorMessage): void {
    if (type === 'listening' || type === 'ready') this.reached(type)
  }

  reached(phase: Phase): void {
    this.phases[phase] ??= Math.round(performance.now() - this.#startedAt) / 1000
  }
}
