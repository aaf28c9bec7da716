/**
 * Which peers of a datagram socket wait for a reply. UDP does not relate a reply to a request, so each datagram sent to
 * a peer counts as the reply to one received from it. A socket that has never replied owes none.
 */
export class OwedReplies {
  readonly #patienceMs: number
  /** By `address port`, in the order of each peer's last datagram. */
  readonly #owed = new Map<string, { replies: number; since: number }>()
  #replies = false

  /** `patienceMs`: after this time without a reply, a datagram counts as one that needs none. */
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
    this.#replies = true
    if (--owed.replies === 0) this.#owed.delete(peer)
  }

  /** How many replies are owed now. */
  get count(): number {
    this.#forgetOld()
    if (!this.#replies) return 0
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
