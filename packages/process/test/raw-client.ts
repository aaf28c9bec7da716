import { once } from 'node:events'
import net from 'node:net'
import { setTimeout as later } from 'node:timers/promises'
import tls from 'node:tls'
import { Changes } from '@handover/testkit'

export interface RawResponse {
  status: number
  headers: Record<string, string>
  body: string
}

/** Between two requests of a client: clients without a pause would take the time that the instances need to start. */
export const think = (maxMs = 20): Promise<void> => later(Math.random() * maxMs)

/** An HTTP/1.1 connection without Node's client: it retries nothing, and reports every end and error. */
export class RawConnection {
  readonly socket: net.Socket
  readonly responses: RawResponse[] = []
  /** `end` (the server's FIN), `close`, or the code of an error, in the order of their arrival. */
  readonly ends: string[] = []
  #buffer = Buffer.alloc(0)
  readonly #events = new Changes()

  private constructor(socket: net.Socket) {
    this.socket = socket
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    for (const event of ['end', 'close']) {
      socket.on(event, () => {
        this.ends.push(event)
        this.#events.changed()
      })
    }
    socket.on('error', (error: NodeJS.ErrnoException) => this.ends.push(error.code ?? error.message))
  }

  static async open(
    target: { port: number } | { path: string },
    secure = false,
    host = '127.0.0.1',
  ): Promise<RawConnection> {
    const address = 'port' in target ? { host, port: target.port } : target
    const options = { ...address, allowHalfOpen: true }
    const socket = secure ? tls.connect({ ...options, rejectUnauthorized: false }) : net.connect(options)
    const connection = new RawConnection(socket)
    await once(socket, secure ? 'secureConnect' : 'connect')
    return connection
  }

  write(text: string): void {
    this.socket.write(text)
  }

  get(path: string): void {
    this.write(requestText(path))
  }

  /** Sends a request. Resolves with its response, or with null if the connection ended without one. */
  async ask(path: string): Promise<RawResponse | null> {
    const wanted = this.responses.length + 1
    this.get(path)
    await this.until(() => this.responses.length >= wanted || this.ended)
    return this.responses[wanted - 1] ?? null
  }

  get ended(): boolean {
    return this.ends.length > 0
  }

  /** Resolves when the condition holds. It is checked at each chunk and each end. Rejects after the timeout. */
  until(condition: () => boolean, seconds = 15): Promise<void> {
    const soFar = () => `responses ${JSON.stringify(this.responses)}, ends ${this.ends.join()}`
    return this.#events.until(condition, () => `${String(condition)}; ${soFar()}`, seconds)
  }

  close(): void {
    this.socket.destroy()
  }

  #read(chunk: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, chunk])
    for (;;) {
      const end = this.#buffer.indexOf('\r\n\r\n')
      if (end === -1) break
      const [statusLine = '', ...fields] = this.#buffer.toString('latin1', 0, end).split('\r\n')
      const headers = Object.fromEntries(
        fields.map((field) => [
          field.slice(0, field.indexOf(':')).toLowerCase(),
          field.slice(field.indexOf(':') + 1).trim(),
        ]),
      )
      const length = Number(headers['content-length'])
      if (Number.isNaN(length)) throw new Error(`A response without a length: ${statusLine}`)
      if (this.#buffer.length < end + 4 + length) break
      const body = this.#buffer.toString('utf8', end + 4, end + 4 + length)
      this.#buffer = this.#buffer.subarray(end + 4 + length)
      this.responses.push({ status: Number(statusLine.split(' ')[1]), headers, body })
    }
    this.#events.changed()
  }
}

export const requestText = (path: string) => `GET ${path} HTTP/1.1\r\nHost: test\r\n\r\n`
