import type { ConnectionAccount } from '../protocol/account.js'
import type { Fate } from './connection.js'

/** Counts how connections and requests ended, for the account. */
export class Tally {
  accepted = 0
  received = 0
  refused = 0
  #answered = 0
  #slowestMs = 0
  readonly #ended: Record<Fate, number> = { peer: 0, orderly: 0, deadline: 0, handedOver: 0 }

  ended(fate: Fate): void {
    this.#ended[fate]++
  }

  answered(ms: number): void {
    this.#answered++
    this.#slowestMs = Math.max(this.#slowestMs, ms)
  }

  /** From here on `slowestMs` covers only requests that ended during the drain. */
  beginDrain(): void {
    this.#slowestMs = 0
  }

  account(open: number, active: number): ConnectionAccount {
    return {
      accepted: this.accepted,
      adopted: this.received,
      answered: this.#answered,
      endedByPeer: this.#ended.peer,
      endedOrderly: this.#ended.orderly,
      endedAtDeadline: this.#ended.deadline,
      handedOver: this.#ended.handedOver,
      open,
      active,
      refused: this.refused,
      slowestMs: Math.round(this.#slowestMs),
    }
  }
}
