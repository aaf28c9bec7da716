import type { ConnectionAccount } from '../protocol/account.js'

/** How a connection ended. */
export type Fate = 'peer' | 'orderly' | 'deadline' | 'handedOver'

/** Counts what became of connections and requests, for the account. */
export class Tally {
  accepted = 0
  adopted = 0
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

  /** From here on `slowestMs` is of what a drain made wait. */
  beginDrain(): void {
    this.#slowestMs = 0
  }

  account(open: number, active: number): ConnectionAccount {
    return {
      accepted: this.accepted,
      adopted: this.adopted,
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
