import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'

/** What is used of a `WebSocket` of the package `ws`: its documented interface. */
export interface WebSocketLike {
  readonly readyState: number
  readonly bufferedAmount: number
  readonly isPaused?: boolean
  on(event: string, listener: (...args: never[]) => void): unknown
  off(event: string, listener: (...args: never[]) => void): unknown
  eventNames(): (string | symbol)[]
  listeners(event: string | symbol): unknown[]
  close(code: number, reason: string): void
}

/** What is used of a `WebSocketServer` of the package `ws`. */
export interface WebSocketServerLike<Socket extends WebSocketLike> {
  handleUpgrade(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    callback: (ws: Socket, request: IncomingMessage) => void,
  ): void
}

/** How the sessions of a `WebSocketServer` move to the next instance of the service. */
export interface WebSocketHooks<Socket extends WebSocketLike = WebSocketLike> {
  /** Distinguishes several WebSocketServers of one service; the same in every release. Default: ''. */
  name?: string
  /**
   * Gives what the successor must know of the session: anything that JSON can carry, with a meaning that the
   * next release understands. Called between two messages, when each one that was received has been emitted
   * and each one that was sent is on its way; nothing is read from then on. It may be called again, if the
   * session cannot leave at once.
   *
   * A promise may take its time, to finish what the application still does with a message, and may send.
   * `undefined`: the session stays, and is closed with 1012.
   */
  exportState(ws: Socket, request: IncomingMessage): unknown
  /**
   * A predecessor's session: to be set up as in 'connection', which is not emitted for it. `request` is the one
   * that opened it. Nothing is read before it returns, or its promise resolves.
   */
  adopt(ws: Socket, state: unknown, request: IncomingMessage): unknown
  /** In the predecessor: the successor has it. The listeners are gone; this is the place to stop timers. */
  moved?(ws: Socket): void
}

/** Hooks, and the server that they belong to. */
export interface Endpoint {
  readonly name: string
  readonly server: WebSocketServerLike<WebSocketLike>
  readonly hooks: WebSocketHooks
  warn(message: string): void
}
