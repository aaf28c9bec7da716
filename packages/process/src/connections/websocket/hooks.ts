import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'

/** The part of a `WebSocket` of the package `ws` that is used here. All of it is documented. */
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

/** The part of a `WebSocketServer` of the package `ws` that is used here. */
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
  /** Distinguishes several WebSocketServers of one service. It must be the same in every release. Default: ''. */
  name?: string
  /**
   * Returns what the successor must know about the session: any JSON value that the next release understands.
   * Called between two messages, when every received message has been emitted and every sent one is written.
   * Nothing is read after that. It may be called again if the session cannot leave at once.
   *
   * May return a promise, to finish the work on a message first, and may send until the promise resolves.
   * With `undefined`, the session stays, and is closed with 1012.
   */
  exportState(ws: Socket, request: IncomingMessage): unknown
  /**
   * Sets up a session of the predecessor, as the 'connection' handler does for a new one ('connection' is not
   * emitted for it). `request` is the one that opened it. Nothing is read before this returns or its promise resolves.
   */
  adopt(ws: Socket, state: unknown, request: IncomingMessage): unknown
  /** Runs in the predecessor when the successor has the session. Its listeners are removed. Stop timers here. */
  moved?(ws: Socket): void
}

/** The hooks, with the server that they belong to. */
export interface Endpoint {
  readonly name: string
  readonly server: WebSocketServerLike<WebSocketLike>
  readonly hooks: WebSocketHooks
  warn(message: string): void
}
