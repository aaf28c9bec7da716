import { setTimeout as later } from 'node:timers/promises'
import type { TestContext } from 'node:test'
import { Changes } from '@handover/testkit'
import { RawConnection } from './raw-client.js'

/** Between two requests on a kept connection: 20 clients send up to 250 requests a second. */
const keptPauseMs = 80
/** Between two new connections: 4 clients open up to 100 a second. */
const freshPauseMs = 40

/**
 * Acts as a load balancer that does not know yet that a pod is terminating. Until `withdraw()`, it opens new
 * connections, sends requests on those that it keeps, and replaces each one that was ended in order. Each request has
 * one outcome; none is sent twice.
 */
export class Balancer {
  answered = 0
  /** Each failure: refused, reset, ended without a response, a wrong response. */
  readonly failures: string[] = []
  /** When responses with `Connection: close` arrived, in milliseconds of performance.now(). */
  readonly closes: number[] = []
  readonly #port: number
  readonly #secure: boolean
  readonly #clients: Promise<void>[]
  readonly #outcomes = new Changes()
  #withdrawn = false

  constructor(t: TestContext, port: number, { kept = 20, fresh = 4, secure = false } = {}) {
    t.after(() => (this.#withdrawn = true))
    this.#port = port
    this.#secure = secure
    this.#clients = [
      ...Array.from({ length: kept }, () => this.#keep()),
      ...Array.from({ length: fresh }, () => this.#open()),
    ]
  }

  /** Resolves when there were ten responses for each client. */
  warm(): Promise<void> {
    const wanted = 10 * this.#clients.length
    const enough = () => this.answered >= wanted || this.failures.length > 0
    return this.#outcomes.until(enough, () => `${wanted} requests answered, not ${this.answered}`)
  }

  /** Opens no more connections. Kept ones are used until a response has `Connection: close`. */
  async withdraw(): Promise<void> {
    this.#withdrawn = true
    await Promise.all(this.#clients)
  }

  async #keep(): Promise<void> {
    while (!this.#withdrawn) {
      const connection = await this.#connect()
      while (connection !== null) {
        if (!(await this.#ask(connection))) break
        await later(keptPauseMs)
      }
      connection?.close()
    }
  }

  async #open(): Promise<void> {
    while (!this.#withdrawn) {
      const connection = await this.#connect()
      if (connection !== null) await this.#ask(connection)
      connection?.close()
      await later(freshPauseMs)
    }
  }

  /** Resolves with whether the connection may be used again. */
  async #ask(connection: RawConnection): Promise<boolean> {
    const body = String(Math.random())
    const response = await connection.ask(`/echo/${body}`)
    if (response?.body === body) this.answered++
    else this.failures.push(`no answer: ${response?.body ?? connection.ends.join()}`)
    const closed = response?.headers.connection === 'close'
    if (closed) this.closes.push(performance.now())
    this.#outcomes.changed()
    return response !== null && !closed
  }

  async #connect(): Promise<RawConnection | null> {
    try {
      return await RawConnection.open({ port: this.#port }, this.#secure)
    } catch (error) {
      this.failures.push(String((error as NodeJS.ErrnoException).code ?? error))
      this.#outcomes.changed()
      await later(freshPauseMs)
      return null
    }
  }
}
