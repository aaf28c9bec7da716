import { Answer } from './answer.js'
import { Connection, type ConnectionOwner, type Ending, type Exchange } from './connection.js'
import { defaultTimeoutMs, type LoadOptions } from './options.js'
import type { FailedOutcome } from './outcome.js'
import type { Recorder, Settled } from './recorder.js'
import type { RequestTemplate } from './request.js'
import type { Tally } from './tally.js'

/** What all connections of a load share. */
export interface LoadContext {
  options: LoadOptions
  recorder: Recorder
  /** The open connections. Each adds and removes itself. */
  connections: Set<RecordedConnection>
}

/** What the client that uses a connection does next. */
export interface ConnectionUser {
  /** The connection can be used for the next requests. */
  idle?(): void
  /** The connection has ended. */
  ended?(how: Ending): void
  /** Takes over an answer that is right so far. The user must check it further and record it later. */
  hold?(settled: Settled): void
}

/** The pieces of a request, the pause between two of them, and the pause before the answer is read. */
export interface Trickle {
  pieces: Buffer[]
  pauseMs: number
  readPauseMs: number
}

/** A connection that records every request with its outcome. */
export class RecordedConnection implements ConnectionOwner {
  readonly connection: Connection
  readonly number: number
  /** Number of the last upgrade that was done before the connection was opened. */
  readonly doneAtOpening: number
  readonly #context: LoadContext
  readonly #tally: Tally
  readonly #user: ConnectionUser
  /** The first request. It fails if the connection cannot be opened. */
  readonly #planned: RequestTemplate
  #writing = false

  constructor(context: LoadContext, tally: Tally, planned: RequestTemplate, user: ConnectionUser) {
    const { timeoutMs = defaultTimeoutMs } = context.options
    const target = context.options.route?.() ?? context.options.target
    this.#context = context
    this.#tally = tally
    this.#planned = planned
    this.#user = user
    this.number = context.recorder.opened(tally)
    this.doneAtOpening = context.recorder.timeline.done
    this.connection = new Connection({ target, timeoutMs }, this)
    context.connections.add(this)
  }

  /** Sends all requests in one write. */
  send(templates: RequestTemplate[]): void {
    let bytes = ''
    for (const template of templates) bytes += template.encode(this.#expect(template).id)
    this.connection.write(bytes)
  }

  /** Sends one request piece by piece. */
  trickle(template: RequestTemplate, cut: (request: Buffer) => Trickle): void {
    const { id } = this.#expect(template)
    const head = Buffer.from(template.encode(id), 'latin1')
    const { pieces, pauseMs, readPauseMs } = cut(Buffer.concat([head, template.plan.body ?? Buffer.alloc(0)]))
    this.#writing = true
    const writeNext = () => {
      const piece = pieces.shift()
      if (piece !== undefined) this.connection.write(piece)
      if (pieces.length > 0) setTimeout(writeNext, pauseMs)
      else this.#writing = false
      if (pieces.length === 0 && readPauseMs > 0) this.connection.pauseReading(readPauseMs)
    }
    writeNext()
  }

  answered(exchange: Exchange, wrong: string | null): void {
    const { version } = exchange.answer
    const stale = version !== null && this.#context.recorder.versions.answer(version, this.doneAtOpening)
    const settled = this.#settled(
      exchange,
      stale ? 'stale' : wrong === null ? 'answered' : 'wrong',
      wrong ?? '',
    )
    if (stale) settled.detail = staleDetail(version, this.doneAtOpening)
    if (settled.outcome === 'answered' && this.#user.hold) this.#user.hold(settled)
    else this.#context.recorder.settle(settled)
  }

  failed(exchange: Exchange | null, outcome: FailedOutcome, detail: string): void {
    this.#context.recorder.settle(this.#settled(exchange ?? this.#expect(this.#planned), outcome, detail))
  }

  idle(): void {
    // If the answer comes before the whole request was written, the connection cannot be used again.
    if (this.#writing) this.connection.close()
    else this.#user.idle?.()
  }

  ended(how: Ending): void {
    this.#context.connections.delete(this)
    this.#tally.ended(how)
    this.#user.ended?.(how)
  }

  #expect(template: RequestTemplate): Exchange {
    const { recorder, options } = this.#context
    recorder.sent(this.#tally)
    const answer = new Answer(template.plan.expected, options.identify ?? null)
    return this.connection.expect(`${this.number}-${this.connection.nextNumber}`, template.plan, answer)
  }

  #settled(exchange: Exchange, outcome: Settled['outcome'], detail: string): Settled {
    const connection = { number: this.number, openedAt: this.connection.openedAt }
    const { version } = exchange.answer
    return { tally: this.#tally, exchange, connection, outcome, at: performance.now(), detail, version }
  }
}

export const staleDetail = (version: string, upgrade: number): string =>
  `version "${version}" answered on a connection opened after upgrade ${upgrade} was done`
