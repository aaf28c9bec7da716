/** Functions to call when something has changed. They may subscribe and unsubscribe while they are called. */
export class Subscribers {
  /** Replaced, never changed: a call of `notify` goes through those that were subscribed when it began. */
  #all: ReadonlySet<() => void> = new Set()

  /** Returns a function that ends the subscription. */
  subscribe(subscriber: () => void): () => void {
    this.#all = new Set(this.#all).add(subscriber)
    return () => {
      const rest = new Set(this.#all)
      rest.delete(subscriber)
      this.#all = rest
    }
  }

  /** Calls all of them, in the order in which they subscribed. */
  notify(): void {
    for (const subscriber of this.#all) subscriber()
  }
}
