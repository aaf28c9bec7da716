import type { MovedWebSocket } from '../../protocol/moves.js'
import { messageOf } from '../../protocol/errors.js'
import { isEmpty, startReading, stopReading } from '../../node/handle.js'
import { FrameReader, serviceRestart } from './frames.js'
import type { Endpoint, WebSocketLike } from './hooks.js'
import type { Upgraded } from './upgraded.js'

const sessions = new WeakMap<Upgraded, Session>()

/** Undefined if the application does not let its sessions move. */
export const sessionOf = (upgraded: Upgraded | null): Session | undefined =>
  upgraded === null ? undefined : sessions.get(upgraded)

/**
 * `exported`: `written` is what the application had written by then. `kept`: the state comes from a promise. It counts
 * if nothing was written since. `staying` is final.
 */
type Phase =
  | { is: 'serving' }
  | { is: 'exporting' }
  | { is: 'exported'; state: unknown; written: number; kept: boolean }
  | { is: 'staying' }

/**
 * A session of the package `ws` that can move with the application's own state:
 *
 *     serving ──► exporting ──► exported ──► gone        another process has it
 *        ▲           │  │          │
 *        └───────────┼──┴──────────┘                     it did not leave: resume
 *                    └──► staying                        the application keeps it, or a drain closes it
 *
 * It must be created in the same turn as the WebSocket, so that all bytes and messages are counted.
 */
export class Session {
  readonly ws: WebSocketLike
  readonly endpoint: Endpoint
  readonly #upgraded: Upgraded
  /** The listeners of `ws` itself. Every other listener is the application's. */
  readonly #own: Set<unknown>
  readonly #received = new FrameReader()
  /** The start of a frame that is not complete. */
  #unread: Buffer[] = []
  /** How many messages, Pings and Pongs `ws` has emitted. */
  #emitted = 0
  #phase: Phase = { is: 'serving' }
  #settled: () => void = () => {}

  static begin(ws: WebSocketLike, upgraded: Upgraded, endpoint: Endpoint): void {
    sessions.set(upgraded, new Session(ws, upgraded, endpoint))
  }

  private constructor(ws: WebSocketLike, upgraded: Upgraded, endpoint: Endpoint) {
    this.ws = ws
    this.endpoint = endpoint
    this.#upgraded = upgraded
    this.#own = new Set(allListeners(ws).map(([, listener]) => listener))
    const emitted = () => void this.#emitted++
    for (const event of ['message', 'ping', 'pong']) {
      ws.on(event, emitted)
    }
    this.#own.add(emitted)
    // After the listener of `ws`: what this chunk completes has been emitted when it is counted here.
    upgraded.stream.on('data', (chunk: Buffer) => this.#read(chunk))
  }

  /** False with an extension such as permessage-deflate: a compressor's window cannot be exported. */
  get mayMove(): boolean {
    return this.#phase.is !== 'staying' && this.#upgraded.open && this.#upgraded.accepted?.extensions === ''
  }

  /**
   * Whether it can move in this turn. If so, `record` returns the data that is sent with it. Otherwise, if the
   * application was asked, `settled` is called once it has decided.
   */
  prepare(settled: () => void): boolean {
    if (!this.mayMove || this.#phase.is === 'exporting' || !this.#atRest()) return false
    if (this.#isCurrent()) return true
    this.#phase = { is: 'serving' }
    this.#settled = settled
    stopReading(this.#upgraded.stream)
    this.#export()
    return this.#isExported()
  }

  record(): MovedWebSocket {
    const { accepted, request } = this.#upgraded
    const { url = '', rawHeaders } = request
    return {
      name: this.endpoint.name,
      request: { url, rawHeaders },
      protocol: accepted?.protocol ?? '',
      state: this.#phase.is === 'exported' ? this.#phase.state : undefined,
      unread: Buffer.concat(this.#unread).toString('base64'),
    }
  }

  /** It did not move, and continues in this process. */
  resume(): void {
    if (this.#phase.is === 'exported') this.#phase = { is: 'serving' }
    startReading(this.#upgraded.stream)
  }

  /** It will not move. */
  stay(): void {
    this.#phase = { is: 'staying' }
    this.resume()
  }

  /** Another process has it. Hides the close of this process's copy, which does not end the session. */
  gone(): void {
    for (const [event, listener] of allListeners(this.ws))
      if (!this.#own.has(listener)) this.ws.off(event as string, listener as () => void)
    this.#upgraded.gone()
    try {
      this.endpoint.hooks.moved?.(this.ws)
    } catch (error) {
      this.endpoint.warn(`The hook moved() of webSockets() threw: ${messageOf(error)}`)
    }
  }

  close(): void {
    this.ws.close(serviceRestart.code, serviceRestart.reason)
  }

  #read(chunk: Buffer): void {
    const tail = this.#received.push(chunk)
    if (tail < chunk.length) this.#unread = []
    if (tail > 0) this.#unread.push(chunk.subarray(chunk.length - tail))
  }

  #atRest(): boolean {
    const { betweenMessages, stream } = this.#upgraded
    const unread = this.#unread.reduce((total, { length }) => total + length, 0)
    const received = !this.#received.fragmented && !this.#received.closed && unread <= maxUnread
    const emitted = this.#emitted === this.#received.delivered
    const sent = betweenMessages && this.ws.bufferedAmount === 0 && isEmpty(stream)
    return this.ws.readyState === OPEN && received && emitted && sent
  }

  #isExported(): boolean {
    return this.#phase.is === 'exported'
  }

  /** Whether a state that came from a promise can be sent. */
  #isCurrent(): boolean {
    const phase = this.#phase
    return phase.is === 'exported' && phase.kept && phase.written === this.#upgraded.written
  }

  #export(): void {
    try {
      const state = this.endpoint.hooks.exportState(this.ws, this.#upgraded.request)
      if (state instanceof Promise) return void this.#exportLater(state)
      this.#took(state, false)
      if (state === undefined) this.#settled()
    } catch (error) {
      this.#failed(error)
      this.#settled()
    }
  }

  async #exportLater(promise: Promise<unknown>): Promise<void> {
    if (this.#phase.is === 'serving') this.#phase = { is: 'exporting' }
    try {
      this.#took(await promise, true)
    } catch (error) {
      this.#failed(error)
    }
    this.#settled()
  }

  /** A session without a state stays. */
  #took(state: unknown, kept: boolean): void {
    if (state === undefined) this.stay()
    else if (this.#phase.is !== 'staying')
      this.#phase = { is: 'exported', state, written: this.#upgraded.written, kept }
  }

  #failed(error: unknown): void {
    this.endpoint.warn(`The hook exportState() of webSockets() threw: ${messageOf(error)}`)
    this.stay()
  }
}

const OPEN = 1
/** Bytes. If more than this of an incomplete frame has come, the session moves after the end of the frame. */
const maxUnread = 64 * 1024

function allListeners(ws: WebSocketLike): [event: string | symbol, listener: unknown][] {
  return ws
    .eventNames()
    .flatMap((event) => ws.listeners(event).map((listener) => [event, listener] as [string, unknown]))
}
