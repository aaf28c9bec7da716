import { once } from 'node:events'
import { WebSocket, type ClientOptions } from 'ws'
import { Changes } from './until.js'

interface Answer {
  pid: number
  url: string
  protocol: string
  length: number
  count: number
  sum: number
}

/**
 * One session that sends message after message and checks what comes back: each answer counts one message and
 * its length more than the one before. Nothing is sent again, and no connection opened again.
 */
export class CountingSession {
  readonly ws: WebSocket
  answered = 0
  readonly pids = new Set<number>()
  /** What was not as it must be. */
  readonly faults: string[] = []
  /** The code of the Close frame; 1006: there was none. */
  closed: { code: number; reason: string } | null = null
  #count = 0
  #sum = 0
  readonly #events = new Changes()

  private constructor(ws: WebSocket) {
    this.ws = ws
    ws.on('close', (code, reason) => {
      this.closed = { code, reason: reason.toString() }
      this.#events.changed()
    })
    ws.on('error', (error) => this.faults.push(error.message))
  }

  static async open(
    url: string,
    protocols: string[] = [],
    options: ClientOptions = {},
  ): Promise<CountingSession> {
    const ws = new WebSocket(url, protocols, {
      perMessageDeflate: false,
      rejectUnauthorized: false,
      ...options,
    })
    const session = new CountingSession(ws)
    await once(ws, 'open')
    return session
  }

  /** Sends one message and checks its answer; false: the session ended without one. */
  async ask(text: string, pieces = 1): Promise<boolean> {
    const expected = { length: text.length, count: ++this.#count, sum: (this.#sum += text.length) }
    const answer = this.#next()
    const size = Math.ceil(text.length / pieces)
    for (let at = 0; at < text.length; at += size)
      this.ws.send(text.slice(at, at + size), { fin: at + size >= text.length })
    const got = await answer
    if (got === null) return false
    this.answered++
    this.pids.add(got.pid)
    this.#events.changed()
    for (const key of ['length', 'count', 'sum'] as const)
      if (got[key] !== expected[key]) this.faults.push(`${key} is ${got[key]}, not ${expected[key]}`)
    return true
  }

  until(condition: () => boolean, seconds = 15): Promise<void> {
    const soFar = () => `${this.answered} answered, faults: ${this.faults.join()}`
    return this.#events.until(condition, () => `${String(condition)}; ${soFar()}`, seconds)
  }

  #next(): Promise<Answer | null> {
    if (this.closed !== null) return Promise.resolve(null)
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.faults.push('no answer came within 10 seconds')
        resolve(null)
      }, 10_000)
      const done = (answer: Answer | null) => {
        clearTimeout(timer)
        this.ws.off('message', message).off('close', closed)
        resolve(answer)
      }
      const message = (data: Buffer) => done(JSON.parse(data.toString()) as Answer)
      const closed = () => done(null)
      this.ws.on('message', message).on('close', closed)
    })
  }
}
