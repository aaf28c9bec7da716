import { connect, type Socket } from 'node:net'
import type { Answer } from './answer.js'
import { ResponseParser } from './http/parser.js'
import type { FailedOutcome } from './outcome.js'
import type { Target } from './options.js'
import type { RequestPlan } from './request.js'

/** One request in flight, and the part of its answer that has arrived. Times are those of performance.now(). */
export interface Exchange {
  id: string
  plan: RequestPlan
  answer: Answer
  sentAt: number
  /** Its number on its connection, counted from 1. */
  number: number
}

/** How a connection ended. `announced`: after `Connection: close`, by either side. */
export type Ending = 'failed' | 'closedIdle' | 'resetIdle' | 'announced' | 'closedByUs'

export interface ConnectionOwner {
  /** The answer is complete and well-formed. `wrong`: why it is not the expected one, or null if it is. */
  answered(exchange: Exchange, wrong: string | null): void
  /** `exchange` is null if no request was in flight: the connection was not opened, or bytes came without a request. */
  failed(exchange: Exchange | null, outcome: FailedOutcome, detail: string): void
  /** Every request is answered, and the connection may carry more. */
  idle(): void
  /** The connection has ended. This is the last call. */
  ended(how: Ending): void
}

export interface ConnectionOptions {
  target: Target
  timeoutMs: number
}

/** Milliseconds for the server to close a connection after it has announced that. Then the client closes it. */
const closeMs = 5_000

// All connections share one read buffer: libuv fills it and calls back synchronously, and the bytes are parsed there.
const readBuffer = Buffer.allocUnsafeSlow(64 * 1024)

/**
 * One HTTP/1.1 connection on a plain socket, without an HTTP client. Nothing is ever sent twice.
 *
 *     connecting ──► open ──► closing ──► gone
 *          │          │                    ▲
 *          └──────────┴────────────────────┘
 *
 * In `closing`, the server has announced that it closes, or the client has asked for it. No further request is sent.
 */
export class Connection {
  readonly openedAt = performance.now()
  #state: 'connecting' | 'open' | 'closing' | 'gone' = 'connecting'
  readonly #socket: Socket
  readonly #owner: ConnectionOwner
  readonly #options: ConnectionOptions
  readonly #parser: ResponseParser
  readonly #inFlight: Exchange[] = []
  /** The number of the next request on this connection, counted from 1. */
  nextNumber = 1
  #lastAnswerAt = 0

  constructor(options: ConnectionOptions, owner: ConnectionOwner) {
    this.#options = options
    this.#owner = owner
    this.#parser = new ResponseParser({
      method: () => this.#inFlight[0]?.plan.method ?? null,
      head: (head) => this.#oldest.answer.begin(head),
      body: (piece) => this.#oldest.answer.read(piece),
      complete: () => this.#complete(),
    })
    const onread = { buffer: readBuffer, callback: (length: number) => this.#read(length) }
    this.#socket = connect({ ...options.target, noDelay: true, onread })
    this.#socket.on('connect', () => {
      if (this.#state === 'connecting') this.#state = 'open'
    })
    this.#socket.on('end', () => this.#end())
    this.#socket.on('error', (error: NodeJS.ErrnoException) => this.#error(error))
  }

  /** Requests that were sent and have no answer yet. */
  get inFlight(): number {
    return this.#inFlight.length
  }

  get localAddress(): { address: string; port: number } | null {
    const { localAddress: address, localPort: port } = this.#socket
    return address === undefined || port === undefined ? null : { address, port }
  }

  /** Registers a request as in flight. The caller sends its bytes with `write`, in one or more pieces. */
  expect(id: string, plan: RequestPlan, answer: Answer): Exchange {
    const exchange = { id, plan, answer, number: this.nextNumber++, sentAt: performance.now() }
    this.#inFlight.push(exchange)
    return exchange
  }

  write(bytes: string | Buffer): void {
    if (this.#state === 'gone') return
    if (typeof bytes === 'string') this.#socket.write(bytes, 'latin1')
    else this.#socket.write(bytes)
  }

  /** Stops reading for a time. The data stays in the kernel, and the server has to wait. */
  pauseReading(milliseconds: number): void {
    this.#socket.pause()
    setTimeout(() => this.#socket.resume(), milliseconds)
  }

  /** Closes the connection. Requests in flight get no outcome: check `inFlight` first. */
  close(how: Ending = 'closedByUs'): void {
    if (this.#state === 'gone') return
    this.#state = 'gone'
    this.#socket.destroy()
    this.#owner.ended(how)
  }

  /** Fails requests that have timed out. Call it at intervals: one timer per request would cost more. */
  expire(now: number): void {
    const since = this.#inFlight[0]?.sentAt ?? (this.#state === 'connecting' ? this.openedAt : null)
    if (since !== null && now - since >= this.#options.timeoutMs) {
      this.#fail('timeout', `no whole answer within ${this.#options.timeoutMs} ms, ${this.#progress()}`)
    } else if (
      this.#state === 'closing' &&
      this.#inFlight.length === 0 &&
      now - this.#lastAnswerAt >= closeMs
    ) {
      this.close('announced')
    }
  }

  get #oldest(): Exchange {
    const [oldest] = this.#inFlight
    if (oldest === undefined) throw new Error('the parser answers only what was asked')
    return oldest
  }

  #read(length: number): boolean {
    if (this.#state === 'gone') return false
    const malformed = this.#parser.push(readBuffer.subarray(0, length))
    if (malformed !== null) this.#fail('malformed', `the answer is malformed: ${malformed.malformed}`)
    return true
  }

  #complete(): void {
    const exchange = this.#oldest
    this.#inFlight.shift()
    this.#lastAnswerAt = performance.now()
    const { answer, plan } = exchange
    if (answer.head?.persistent === false || plan.close) this.#state = 'closing'
    const wrong = answer.finish() ?? (plan.echoesId ? wrongEcho(exchange) : null)
    this.#owner.answered(exchange, wrong)
    if (this.#inFlight.length === 0 && this.#state === 'open') this.#owner.idle()
  }

  /** The server's FIN. It is a failure only if a request is in flight. */
  #end(): void {
    if (this.#state === 'gone') return
    const truncated = this.#parser.end() === 'truncated'
    if (this.#inFlight.length === 0) {
      this.close(this.#state === 'closing' ? 'announced' : 'closedIdle')
    } else if (truncated) {
      this.#fail(
        'truncated',
        `the server closed the connection in the middle of the answer, ${this.#progress()}`,
      )
    } else {
      const announced = this.#state === 'closing' ? ' that it had announced with the answer before' : ''
      this.#fail(
        'closedBeforeAnswer',
        `the server closed the connection before any byte of the answer${announced}`,
      )
    }
  }

  #error(error: NodeJS.ErrnoException): void {
    if (this.#state === 'gone') return
    const code = error.code ?? error.message
    if (this.#state === 'connecting') {
      this.#fail(connectOutcome(code), `the connection could not be opened: ${code}`)
    } else if (this.#inFlight.length === 0) {
      this.close(this.#state === 'closing' ? 'announced' : 'resetIdle')
    } else {
      this.#fail('reset', `the connection broke with ${code}, ${this.#progress()}`)
    }
  }

  /** No further answer can arrive: settles every request in flight, the oldest one with `outcome`. */
  #fail(outcome: FailedOutcome, detail: string): void {
    const [oldest, ...behind] = this.#inFlight.splice(0)
    this.#owner.failed(oldest ?? null, outcome, detail)
    const next = outcome === 'truncated' ? 'closedBeforeAnswer' : outcome
    for (const exchange of behind)
      this.#owner.failed(exchange, next, `pipelined behind a request that failed: ${detail}`)
    this.close('failed')
  }

  #progress(): string {
    if (!this.#parser.midAnswer) return 'before any byte of the answer'
    const { head, bytes } = this.#inFlight[0]?.answer ?? { head: null, bytes: 0 }
    return head === null ? 'within the head of the answer' : `after ${bytes} bytes of the body`
  }
}

// EAGAIN: the queue of a unix listener is full. ENOENT: its path is gone.
const refusals = ['ECONNREFUSED', 'ENOENT', 'EAGAIN', 'ENOTSOCK', 'EHOSTUNREACH', 'ENETUNREACH', 'EACCES']

function connectOutcome(code: string): FailedOutcome {
  if (refusals.includes(code)) return 'refused'
  if (code === 'ECONNRESET' || code === 'EPIPE') return 'reset'
  return code === 'ETIMEDOUT' ? 'timeout' : 'clientError'
}

function wrongEcho(exchange: Exchange): string | null {
  const echo = exchange.answer.head?.headers.get('x-request-id')
  return echo === exchange.id ? null : `the answer is to request "${echo ?? ''}", wanted "${exchange.id}"`
}
