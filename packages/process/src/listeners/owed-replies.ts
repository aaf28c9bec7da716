/**
 * Which peers of a datagram socket wait for a reply. UDP does not say what belongs to what, so one datagram back
 * is taken for the answer to one that came. A socket that never answers owes nothing.
 */
export class OwedReplies {
  readonly #patienceMs: number
  /** By `address port`; those that asked last are the last ones. */
  readonly #owed = new Map<string, { replies: number; since: number }>()
  #answers = false

  /** `patienceMs`: a datagram that was not answered within that time is taken for one that has no answer. */
  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs
  }

  received(peer: string): void {
    const replies = (this.#owed.get(peer)?.replies ?? 0) + 1
    this.#owed.delete(peer)
    this.#owed.set(peer, { replies, since: performance.now() })
    this.#forgetOld()
  }

  sent(peer: string): void {
    const owed = this.#owed.get(peer)
    if (owed === undefined) return
    this.#answers = true
    if (--owed.replies === 0) this.#owed.delete(peer)
  }

  get count(): number {
    this.#forgetOld()
    if (!this.#answers) return 0
    return [...this.#owed.values()].reduce((total, { replies }) => total + replies, 0)
  }

  #forgetOld(): void {
    const old = performance.now() - this.#patienceMs
    for (const [peer, { since }] of this.#owed) {
      if (since > old) return
      this.#owed.delete(peer)
    }
  }
}
