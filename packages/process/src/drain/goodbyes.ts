import type { Connection } from '../connections/connection.js'
import { eventStreamOf } from '../connections/event-stream/watch.js'
import type { DrainContext, ProtocolDrain } from './protocol.js'

/**
 * Ends connections that would not end by themselves: WebSockets and event streams. They end one after another, so that
 * the clients do not all reconnect at once:
 *
 *     0                          half                     4/5            all of the drain's time
 *     ├── one after the other ────┤── what should have ────┤── at any ─────┤── what is left is cut
 *         as spread               moved and has not        frame
 */
export class Goodbyes implements ProtocolDrain {
  readonly #context: DrainContext
  readonly #lasts: (connection: Connection) => boolean
  readonly #end: (connection: Connection, insisting: boolean, goodbyes: Goodbyes) => void
  readonly #halfway: number
  readonly #timers = new Map<Connection, NodeJS.Timeout>()
  /** Those that should move to another process. */
  readonly #waiting = new WeakSet<Connection>()
  #insisting = false

  /** `lasts`: whether a connection is of this kind now. `end` with `insisting` does not wait for a boundary. */
  constructor(
    context: DrainContext,
    lasts: (connection: Connection) => boolean,
    end: (connection: Connection, insisting: boolean, goodbyes: Goodbyes) => void,
  ) {
    this.#context = context
    this.#lasts = lasts
    this.#end = end
    this.#halfway = performance.now() + (context.deadline - performance.now()) / 2
  }

  begin(): void {
    const { connections, spared } = this.#context
    const lasting = this.#lasting()
    const leaving = shuffled(lasting.filter((connection) => !spared(connection)))
    const all = [...connections.open].filter((connection) => hasNoEnd(connection) && !spared(connection))
    const window = this.#window(all.length)
    leaving.forEach((connection, index) =>
      this.endIn(connection, (window * (index + Math.random())) / leaving.length),
    )
    for (const connection of lasting) if (!this.#timers.has(connection)) this.endIn(connection, this.#left)
  }

  upgraded(connection: Connection): void {
    this.#consider(connection)
  }

  streaming(connection: Connection): void {
    this.#consider(connection)
  }

  reconsider(): void {
    for (const connection of this.#lasting()) {
      if (this.#context.spared(connection)) continue
      if (!this.#timers.has(connection) || this.#waiting.delete(connection))
        this.endIn(connection, this.#random())
    }
  }

  lastCall(): void {
    this.#insisting = true
    for (const connection of this.#lasting()) this.endIn(connection, 0)
  }

  stop(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer)
  }

  /** Ends the connection after `ms` milliseconds, in place of what was planned for it. */
  endIn(connection: Connection, ms: number): void {
    if (this.#context.spared(connection)) this.#waiting.add(connection)
    this.callIn(connection, ms, () => {
      this.#waiting.delete(connection)
      if (this.#context.connections.open.has(connection)) this.#end(connection, this.#insisting, this)
    })
  }

  /** Like `endIn`, with a given action. The action is not called if the connection has closed by then. */
  callIn(connection: Connection, ms: number, action: () => void): void {
    clearTimeout(this.#timers.get(connection))
    this.#timers.set(connection, setTimeout(action, ms))
  }

  closed(connection: Connection): void {
    clearTimeout(this.#timers.get(connection))
  }

  #consider(connection: Connection): void {
    if (this.#lasts(connection) && !this.#timers.has(connection)) this.endIn(connection, this.#random())
  }

  #lasting(): Connection[] {
    return [...this.#context.connections.open].filter(this.#lasts)
  }

  get #left(): number {
    return Math.max(this.#halfway - performance.now(), 0)
  }

  /** Milliseconds per client. With 10, 100 clients reconnect per second: half of a 30 s drain suffices for 1,500. */
  #window(clients: number): number {
    return Math.min(this.#left, clients * 10)
  }

  #random(): number {
    return Math.random() * this.#window(this.#context.connections.open.size)
  }
}

/** The connections of every such protocol share one window. */
function hasNoEnd({ exchanges, phase, upgraded }: Connection): boolean {
  if (upgraded !== null) return phase !== 'closing'
  return exchanges.some(({ response }) => eventStreamOf(response) !== undefined)
}

function shuffled<T>(values: T[]): T[] {
  const keyed = values.map((value) => ({ value, key: Math.random() }))
  return keyed.sort((a, b) => a.key - b.key).map(({ value }) => value)
}
