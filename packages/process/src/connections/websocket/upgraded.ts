import type { IncomingMessage } from 'node:http'
import type net from 'node:net'
import { Interception, type Verdict } from '../../node/write-interception.js'
import { closeFrame, FrameReader, serviceRestart } from './frames.js'
import { readHandshake, type Accepted } from './handshake.js'

const byStream = new WeakMap<object, Upgraded>()

export const upgradedOf = (stream: object): Upgraded | undefined => byStream.get(stream)

/**
 * An upgraded connection. It observes what the application writes:
 *
 *     handshake ──► open ──► ended        a Close frame was written for the application, what it writes is dropped
 *         │           ▲ │
 *         │           └─► held            on its way to another process: what is written waits
 *         └──► foreign                    not a WebSocket, or not one that can be read
 */
export class Upgraded {
  readonly request: IncomingMessage
  /** The stream that the application writes to: with TLS, the TLS socket. */
  readonly stream: net.Socket
  readonly #interception: Interception
  readonly #frames = new FrameReader()
  readonly #dropsHandshake: boolean
  #phase: 'handshake' | 'open' | 'held' | 'ended' | 'foreign' = 'handshake'
  #head = ''
  #accepted: Accepted | null = null
  #written = 0
  #ending: (() => void) | null = null

  /** `received`: another process has answered the handshake, so the answer that is written here is dropped. */
  constructor(request: IncomingMessage, stream: net.Socket, received = false) {
    this.request = request
    this.stream = stream
    this.#dropsHandshake = received
    byStream.set(stream, this)
    this.#interception = new Interception(stream, {
      judge: (bytes) => this.#judge(bytes),
      passed: () => this.#passed(),
    })
  }

  /** The negotiated protocol and extensions, once the handshake is done. */
  get accepted(): Accepted | null {
    return this.#accepted
  }

  /** How many bytes the application has written since the handshake. */
  get written(): number {
    return this.#written
  }

  /** A WebSocket without a Close frame from this side. */
  get open(): boolean {
    return (this.#phase === 'open' || this.#phase === 'held') && !this.#frames.closed
  }

  /** The application has not answered the upgrade request yet. */
  get undecided(): boolean {
    return this.#phase === 'handshake'
  }

  /** The application, or this library, has written a Close frame. */
  get closing(): boolean {
    return this.#phase === 'ended' || this.#frames.closed
  }

  get betweenMessages(): boolean {
    return this.open && this.#frames.betweenMessages
  }

  /**
   * Writes a Close frame with 1012 at the next boundary between messages, and drops what the application writes
   * after it. `at: 'frame'`: also between the fragments of a message (RFC 6455, 5.4). Then `written` is called, but
   * not if the application has closed it before.
   */
  close(at: 'message' | 'frame', written: () => void): void {
    if (!this.open) return
    const { betweenFrames, betweenMessages } = this.#frames
    const possible = at === 'frame' ? betweenFrames : betweenMessages
    if (possible && this.#phase === 'open') return this.#writeClose(written)
    this.#ending = () => this.close(at, written)
  }

  /** The application has written since `hold()`. */
  get waits(): boolean {
    return this.#interception.holds()
  }

  hold(): void {
    if (this.#phase === 'open') this.#phase = 'held'
  }

  /** It stays in this process: the held data is written. */
  release(): void {
    if (this.#phase !== 'held') return
    this.#phase = 'open'
    this.#interception.flush()
    this.#ending?.()
  }

  /** Another process has it: the held data cannot be written. */
  gone(): void {
    this.#phase = 'ended'
    this.#interception.fail(new Error('The WebSocket was moved to a successor'))
  }

  #writeClose(written: () => void): void {
    this.#ending = null
    this.#phase = 'ended'
    this.#interception.write(closeFrame(serviceRestart.code, serviceRestart.reason))
    written()
  }

  #judge(bytes: Buffer): Verdict {
    switch (this.#phase) {
      case 'handshake':
        return this.#readHandshake(bytes)
      case 'open':
        this.#written += bytes.length
        this.#frames.push(bytes)
        return 'pass'
      case 'held':
        return 'hold'
      case 'ended':
        return 'drop'
      case 'foreign':
        return 'pass'
    }
  }

  #passed(): void {
    if (this.#phase === 'open') this.#ending?.()
  }

  #readHandshake(bytes: Buffer): Verdict {
    this.#head += bytes.toString('latin1')
    const accepted = readHandshake(this.#head)
    if (accepted === null) {
      this.#phase = 'foreign'
      if (!this.#dropsHandshake) this.#interception.restore()
    } else if (accepted !== undefined) {
      const rest = Buffer.from(this.#head.slice(this.#head.indexOf('\r\n\r\n') + 4), 'latin1')
      this.#accepted = accepted
      this.#phase = 'open'
      this.#frames.push(rest)
    }
    return this.#dropsHandshake ? 'drop' : 'pass'
  }
}
