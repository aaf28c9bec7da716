import type { Connection, Connections } from '../connections/connections.js'
import { eventStreamOf } from '../connections/event-stream/follow.js'
import { lingeringClose } from './last-requests.js'

/**
 * Ends what has no end of its own: WebSockets with a Close frame, event streams behind an event. Each has its own
 * moment, so that the clients do not all come back at once:
 *
 *     0                          half                     4/5            all of the drain's time
 *     ├── one after the other ────┤── what should have ────┤── at any ─────┤── what is left is cut
 *         as spread               moved and has not        frame
 */
export class Goodbyes {
  readonly #connections: Connections
  /** Connections that need not end: a successor takes them. */
  readonly #spared: (connection: Connection) => boolean
  readonly #halfway: number
  readonly #timers = new Map<Connection, NodeJS.Timeout>()
  #insisting = false

  /** `deadline`: milliseconds, performance.now(). */
  constructor(connections: Connections, spared: (connection: Connection) => boolean, deadline: number) {
    this.#connections = connections
    this.#spared = spared
    this.#halfway = performance.now() + (deadline - performance.now()) / 2
  }

  begin(): void {
    const lasting = [...this.#connections.open].filter(lasts)
    const leaving = shuffled(lasting.filter((connection) => !this.#spared(connection)))
    const window = this.#window(leaving.length)
    leaving.forEach((connection, index) =>
      this.#endIn(connection, (window * (index + Math.random())) / leaving.length),
    )
    for (const connection of lasting) if (!this.#timers.has(connection)) this.#endIn(connection, this.#left)
  }

  /** One that has become such a connection just now. */
  consider(connection: Connection): void {
    if (lasts(connection) && !this.#timers.has(connection)) this.#endIn(connection, this.#random())
  }

  /** Some that were to move may have to end here now. */
  reconsider(): void {
    for (const connection of this.#connections.open) {
      if (!lasts(connection) || this.#spared(connection)) continue
      if (!this.#timers.has(connection) || waiting.delete(connection)) this.#endIn(connection, this.#random())
    }
  }

  /** From here on they end without waiting for the end of a message, or of an event. */
  lastCall(): void {
    this.#insisting = true
    for (const connection of this.#connections.open) if (lasts(connection)) this.#endIn(connection, 0)
  }

  stop(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer)
  }

  get #left(): number {
    return Math.max(this.#halfway - performance.now(), 0)
  }

  /** Milliseconds. Ten for each client, 100 come back in a second: 30 seconds of drain spread 1,500 that way. */
  #window(clients: number): number {
    return Math.min(this.#left, clients * 10)
  }

  #random(): number {
    return Math.random() * this.#window(this.#connections.open.size)
  }

  #endIn(connection: Connection, ms: number): void {
    clearTimeout(this.#timers.get(connection))
    if (this.#spared(connection)) waiting.add(connection)
    this.#timers.set(
      connection,
      setTimeout(() => this.#end(connection), ms),
    )
  }

  #end(connection: Connection): void {
    waiting.delete(connection)
    if (!this.#connections.open.has(connection)) return
    for (const { response } of connection.exchanges) {
      const stream = eventStreamOf(response)
      if (this.#insisting) stream?.finishNow(retryMs())
      else stream?.finish(retryMs())
    }
    if (connection.upgraded !== null) this.#endWebSocket(connection, connection.upgraded)
  }

  #endWebSocket(connection: Connection, upgraded: NonNullable<Connection['upgraded']>): void {
    // On its way to a successor, or not answered yet: that is known within moments.
    if (connection.fate === 'handedOver' || upgraded.undecided) return this.#endIn(connection, soonMs)
    if (upgraded.session !== null && upgraded.open) {
      upgraded.session.stay()
      upgraded.session.close()
      this.#awaitReply(connection)
    } else if (upgraded.open) {
      upgraded.close(this.#insisting ? 'frame' : 'message', () => this.#awaitReply(connection))
    } else if (upgraded.closing) this.#awaitReply(connection)
  }

  /** The client answers with a Close frame of its own, upon which the application ends the connection. */
  #awaitReply(connection: Connection): void {
    connection.fate ??= 'orderly'
    connection.closing = true
    const timer = setTimeout(() => lingeringClose(connection.stream), replyMs)
    this.#timers.set(connection, timer)
    connection.stream.once('close', () => clearTimeout(timer))
  }
}

/** Those that wait for a successor. */
const waiting = new WeakSet<Connection>()

function lasts({ closing, exchanges, upgraded }: Connection): boolean {
  if (closing && upgraded !== null) return false
  return upgraded !== null || exchanges.some(({ response }) => eventStreamOf(response) !== undefined)
}

/** A round trip to a phone that has to wake up. */
const replyMs = 5000
const soonMs = 100

/**
 * Browsers wait 3 to 5 seconds by default, and keep what they are told: no less than a second, or a server
 * that is down for longer is hammered.
 */
const retryMs = (): number => 1000 + Math.random() * 2000

function shuffled<T>(values: T[]): T[] {
  const keyed = values.map((value) => ({ value, key: Math.random() }))
  return keyed.sort((a, b) => a.key - b.key).map(({ value }) => value)
}
