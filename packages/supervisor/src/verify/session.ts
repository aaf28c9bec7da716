import type { Ending } from './connection.js'
import { draw, type Range } from './options.js'
import { RecordedConnection, type LoadContext, type Trickle } from './recorded-connection.js'
import type { RequestTemplate } from './request.js'
import type { Tally } from './tally.js'

/** Milliseconds between a failure and the next attempt, to spare a service that is down. */
const failurePauseMs = 50

/** How one client of a workload behaves. */
export interface SessionPlan {
  tally: Tally
  /** Milliseconds from an answer to the next request. */
  thinkMs: Range
  /** Returns the requests that are sent together. */
  next: () => [RequestTemplate, ...RequestTemplate[]]
  /** Splits the single request into pieces. Without it, the requests are sent in one write. */
  cut?: (request: Buffer) => Trickle
  /** Opens the connection before the first pause, not after it: servers also hold connections without a request. */
  opensEarly: boolean
  /** Milliseconds before the client starts, so that not all clients start at once. */
  startAfterMs: number
}

/** A client with one connection at a time. It pauses, sends, waits for the answer, and repeats (closed loop). */
export class Session {
  readonly #context: LoadContext
  readonly #plan: SessionPlan
  #connection: RecordedConnection | null = null
  #timer: NodeJS.Timeout | null
  #next: [RequestTemplate, ...RequestTemplate[]]
  #stopped = false

  constructor(context: LoadContext, plan: SessionPlan) {
    this.#context = context
    this.#plan = plan
    this.#next = plan.next()
    this.#timer = setTimeout(() => {
      if (plan.opensEarly) this.#open()
      this.#think(0)
    }, plan.startAfterMs)
  }

  /** Sends no further request. The answer to one in flight is still waited for. */
  stop(): void {
    this.#stopped = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    if (this.#connection?.connection.inFlight === 0) this.#connection.connection.close()
  }

  #think(atLeastMs: number): void {
    this.#timer = setTimeout(() => this.#ask(), Math.max(atLeastMs, draw(this.#plan.thinkMs)))
  }

  #ask(): void {
    this.#timer = null
    const connection = this.#connection ?? this.#open()
    const requests = this.#next
    this.#next = this.#plan.next()
    if (this.#plan.cut) connection.trickle(requests[0], this.#plan.cut)
    else connection.send(requests)
  }

  #open(): RecordedConnection {
    this.#connection = new RecordedConnection(this.#context, this.#plan.tally, this.#next[0], {
      idle: () => this.#idle(),
      ended: (how) => this.#ended(how),
    })
    return this.#connection
  }

  #idle(): void {
    if (this.#stopped) this.#connection?.connection.close()
    else this.#think(0)
  }

  #ended(how: Ending): void {
    this.#connection = null
    if (this.#stopped || this.#timer !== null) return
    if (this.#plan.opensEarly && how === 'announced') this.#open()
    this.#think(how === 'failed' ? failurePauseMs : 0)
  }
}
