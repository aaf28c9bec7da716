import type { Connection } from '../connections/connection.js'
import type { DrainContext } from './protocol.js'

/** Finds the connections that have been idle for `idleMs`, at the moment when the first one is due. */
export class IdleTimer {
  readonly #context: DrainContext
  readonly #applies: (connection: Connection) => boolean
  readonly #due: (connections: readonly Connection[]) => void
  /** Connections that were due and did not end, with their `idleSince`. Not due again until they were busy. */
  readonly #seen = new WeakMap<Connection, number>()
  #startedAt = Infinity
  #timer: NodeJS.Timeout | null = null

  /** `applies` selects connections. `due` gets those that have been idle for long enough, right after a poll. */
  constructor(
    context: DrainContext,
    applies: (connection: Connection) => boolean,
    due: (connections: readonly Connection[]) => void,
  ) {
    this.#context = context
    this.#applies = applies
    this.#due = due
  }

  /** Starts to measure idle time. */
  begin(): void {
    this.#startedAt = performance.now()
    this.schedule()
  }

  /** One timer is enough: a connection that becomes idle later is due later. */
  schedule(): void {
    if (this.#timer !== null || this.#startedAt === Infinity) return
    let due = Infinity
    for (const connection of this.#context.connections.open)
      if (this.#mayIdle(connection)) due = Math.min(due, this.#dueAt(connection))
    if (due === Infinity) return
    // The immediate comes after the poll: a request that has reached the kernel by then is seen.
    this.#timer = setTimeout(
      () => setImmediate(() => this.#sweep()),
      Math.max(due - performance.now(), minMs),
    )
  }

  stop(): void {
    this.#startedAt = Infinity
    if (this.#timer !== null) clearTimeout(this.#timer)
  }

  #sweep(): void {
    this.#timer = null
    if (this.#startedAt === Infinity) return
    const now = performance.now()
    const due = [...this.#context.connections.open].filter(
      (connection) => this.#mayIdle(connection) && now >= this.#dueAt(connection),
    )
    this.#due(due)
    // The others have half a request: they end with its response, by their peer, or at the deadline.
    for (const connection of due) this.#seen.set(connection, connection.idleSince)
    this.schedule()
  }

  #dueAt({ idleSince }: Connection): number {
    return Math.max(idleSince, this.#startedAt) + this.#context.idleMs
  }

  #mayIdle(connection: Connection): boolean {
    if (connection.exchanges.length > 0 || connection.phase === 'closing') return false
    if (this.#seen.get(connection) === connection.idleSince) return false
    return this.#applies(connection) && !this.#context.spared(connection)
  }
}

/** Timers fire up to a millisecond early: libuv's clock is coarser than performance.now(). */
const minMs = 2
