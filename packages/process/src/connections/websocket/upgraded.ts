import type { IncomingMessage } from 'node:http'
import type net from 'node:net'
import { interceptWrites, type Interception, type Verdict } from '../../node/write-interception.js'
import { closeFrame, FrameFollower, serviceRestart } from './frames.js'
import { readHandshake, type Accepted } from './handshake.js'
import type { Session } from './session.js'

const byStream = new WeakMap<object, Upgraded>()

export const upgradedOf = (stream: object): Upgraded | undefined => byStream.get(stream)

/**
 * An upgraded connection, as seen in what the application writes to it:
 *
 *     handshake ──► open ──► ended        we have written a Close frame, the application writes into the void
 *         │           ▲ │
 *         │           └─► held            on its way to a successor: what is written waits
 *         └──► foreign                    not a WebSocket, or not one that can be followed
 */
export class Upgraded {
  readonly request: IncomingMessage
  /** What the application speaks through: TLS where there is TLS. */
  readonly stream: net.Socket
  /** Set where the application lets its sessions move. */
  session: Session | null = null
  /** What was agreed on, once the handshake is through. */
  accepted: Accepted | null = null
  /** How many bytes the application has written since the handshake. */
  written = 0
  readonly #interception: Interception
  readonly #frames = new FrameFollower()
  readonly #swallowsHandshake: boolean
  #phase: 'handshake' | 'open' | 'held' | 'ended' | 'foreign' = 'handshake'
  #head = ''
  #ending: (() => void) | null = null

  /** `adopted`: the client has had its handshake from a predecessor; the one that is written here is dropped. */
  constructor(request: IncomingMessage, stream: net.Socket, adopted = false) {
    this.request = request
    this.stream = stream
    this.#swallowsHandshake = adopted
    byStream.set(stream, this)
    this.#interception = interceptWrites(stream, {
      judge: (bytes) => this.#judge(bytes),
      passed: () => this.#passed(),
    })
  }

  /** A WebSocket that nobody has begun to close. */
  get open(): boolean {
    return (this.#phase === 'open' || this.#phase === 'held') && !this.#frames.closed
  }

  /** The application has not answered the upgrade request yet. */
  get undecided(): boolean {
    return this.#phase === 'handshake'
  }

  /** The application, or we, have written a Close frame. */
  get closing(): boolean {
    return this.#phase === 'ended' || this.#frames.closed
  }

  get betweenMessages(): boolean {
    return this.open && this.#frames.betweenMessages
  }

  /**
   * Writes a Close frame with 1012 at the next boundary between messages, and nothing of the application's after
   * it. `at: 'frame'`: also between the fragments of a message (RFC 6455, 5.4). `written` is called then; not if
   * the application closes by itself before.
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

  /** It stays: what was held is written. */
  release(): void {
    if (this.#phase !== 'held') return
    this.#phase = 'open'
    this.#interception.flush()
    this.#ending?.()
  }

  /** It is a successor's now: what was held has no reader any more. */
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
        this.written += bytes.length
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
      if (!this.#swallowsHandshake) this.#interception.restore()
    } else if (accepted !== undefined) {
      const rest = Buffer.from(this.#head.slice(this.#head.indexOf('\r\n\r\n') + 4), 'latin1')
      this.accepted = accepted
      this.#phase = 'open'
      this.#frames.push(rest)
    }
    return this.#swallowsHandshake ? 'drop' : 'pass'
  }
}
