import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { Changes } from '@handover/testkit'

/**
 * How a request or a connection was lost: `closed` before the first byte of its answer, `truncated` after it, `wrong` if
 * the answer is whole but not the right one.
 */
export type Loss = 'refused' | 'reset' | 'closed' | 'truncated' | 'wrong' | 'timeout'

/** A request or a connection that was lost. */
export class Lost extends Error {
  readonly loss: Loss

  constructor(loss: Loss, message: string) {
    super(`${loss}: ${message}`)
    this.loss = loss
  }
}

const answerSeconds = 30

/** A TCP connection to a port of 127.0.0.1 that retries nothing. Each read rejects with `Lost`, after 30 s at the latest. */
export class Wire {
  readonly #socket: Socket
  readonly #events = new Changes()
  #bytes: Buffer = Buffer.alloc(0)
  /** Bytes that arrived since the last request was sent. */
  #sinceSend = 0
  /** The server's FIN, or the code of the error that ended the connection. */
  #end: string | null = null

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk) => {
      this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk])
      this.#sinceSend += chunk.length
      this.#events.changed()
    })
    for (const event of ['end', 'close']) socket.on(event, () => this.#ends('FIN'))
    socket.on('error', (error: NodeJS.ErrnoException) => this.#ends(error.code ?? error.message))
  }

  static open(port: number): Promise<Wire> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
      const failed = (error: NodeJS.ErrnoException) => {
        const code = error.code ?? error.message
        reject(new Lost(code === 'ECONNRESET' ? 'reset' : 'refused', `connect gives ${code}`))
      }
      socket.once('error', failed)
      socket.once('connect', () => {
        socket.off('error', failed)
        resolve(new Wire(socket))
      })
    })
  }

  #ends(how: string): void {
    this.#end ??= how
    this.#events.changed()
  }

  /** Whether the server has ended the connection. */
  get ended(): boolean {
    return this.#end !== null
  }

  /** Whether something arrived that nobody has read. */
  get unread(): string {
    return this.#bytes.toString('latin1')
  }

  send(request: string | Uint8Array): void {
    this.#sinceSend = 0
    this.#socket.write(request)
  }

  /** The bytes up to and with `delimiter`, without it. */
  async upTo(delimiter: string): Promise<string> {
    await this.#until(() => this.#bytes.includes(delimiter), JSON.stringify(delimiter))
    const at = this.#bytes.indexOf(delimiter)
    const text = this.#bytes.toString('latin1', 0, at)
    this.#bytes = this.#bytes.subarray(at + delimiter.length)
    return text
  }

  async take(count: number): Promise<Buffer> {
    await this.#until(() => this.#bytes.length >= count, `${count} bytes`)
    const taken = this.#bytes.subarray(0, count)
    this.#bytes = this.#bytes.subarray(count)
    return taken
  }

  /** Resolves when the server has ended the connection in order. What it sent before that is `unread`. */
  async end(): Promise<void> {
    await this.#until(() => this.#end !== null, 'the end')
    if (this.#end !== 'FIN') throw new Lost('reset', `the connection ended with ${this.#end}`)
  }

  close(): void {
    this.#socket.destroy()
  }

  async #until(condition: () => boolean, what: string): Promise<void> {
    const seen = () => `${what}; unread is ${JSON.stringify(this.unread.slice(-120))}`
    try {
      await this.#events.until(() => condition() || this.#end !== null, seen, answerSeconds)
    } catch (error) {
      throw new Lost('timeout', (error as Error).message)
    }
    if (condition()) return
    const loss = this.#end !== 'FIN' ? 'reset' : this.#sinceSend === 0 ? 'closed' : 'truncated'
    throw new Lost(loss, `${this.#end} while waiting for ${seen()}, ${this.#sinceSend} bytes of the answer`)
  }

  /** Whether nothing has arrived since the last request was sent. */
  get unanswered(): boolean {
    return this.#sinceSend === 0
  }
}
