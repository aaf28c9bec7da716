import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type net from 'node:net'
import type { Upgraded } from './websocket/upgraded.js'

/** A request that was received and is not yet answered to its last byte. */
export interface Exchange {
  /** For messages: `GET /slow`. */
  readonly label: string
  /** Milliseconds, performance.now(). */
  readonly startedAt: number
  /** HTTP/2 only. */
  readonly stream?: ServerHttp2Stream
  /** HTTP/1 only. */
  readonly request?: IncomingMessage
  readonly response?: ServerResponse
}

/** How a connection ended, for the account. */
export type Fate = 'peer' | 'orderly' | 'deadline' | 'handedOver'

/**
 *     accepted ─┐
 *               ├─► serving ──── startClosing ───► closing ──► ended      no further request is answered
 *     received ─┘    │   ▲
 *             setOut │   │ comeBack
 *                    ▼   │
 *                    away ─────────────────────────────────► released   another process serves it
 *
 * Whatever its phase, the client or the deadline can end it. A received HTTP/1 connection is also `aside` until its
 * next request (`introduced`): Node's server does not know it yet.
 */
export type Phase = 'serving' | 'away' | 'closing'

/** What the application has decided about moving: never, or also with what it has attached to the connection. */
export type MoveDecision = 'stays' | 'moves' | null

/**
 * Called with the socket of a connection before it leaves for another process, possibly several times. True: it moves,
 * whatever the application has attached to it. False: it stays. Undefined: as without this function.
 */
export type MoveChoice = (socket: net.Socket) => boolean | undefined

/** What the application says about a connection when nothing was decided for it alone. */
export interface MoveRule {
  decide(socket: net.Socket): MoveDecision
}

/** One connection of a tracked server. Only the functions in `connection.ts` change it. */
export interface Connection {
  /** Another one than the one that accepted it, if the application passed it on. */
  readonly server: net.Server
  /** The accepted socket. */
  readonly socket: net.Socket
  /** What the application's protocol runs on: the TLS socket above `socket` after the handshake, else `socket`. */
  readonly stream: net.Socket
  readonly phase: Phase
  /** Oldest first. Empty while the connection is away. */
  readonly exchanges: readonly Exchange[]
  /** How many requests the client has sent on it, including those to earlier processes. Never decreases. */
  readonly requests: number
  /** The largest number of unanswered requests it has had at once. Never decreases. */
  readonly busiest: number
  /** Set on an HTTP/2 connection, and never changed after that. */
  readonly session: ServerHttp2Session | null
  /** Set once it was asked to become a WebSocket, and never on an HTTP/2 connection. */
  readonly upgraded: Upgraded | null
  /** When it was accepted or last became idle: milliseconds, performance.now(). Meaningless while it has exchanges. */
  readonly idleSince: number
  /** How it ends, if that is known before the socket is closed. `handedOver` exactly while it is away. */
  readonly fate: Fate | null
  /** Received from another process, and not given to the server yet. Becomes false once and stays false. */
  readonly aside: boolean
  /** The application took it from the server that accepted it. Node may not track it for the server that has it now. */
  readonly passedOn: boolean
  /** About this connection alone. A connection that stays is never away. */
  readonly decision: MoveDecision
  readonly rule: MoveRule
  /**
   * A request has authenticated the connection (NTLM), or something has read from it before the server got it. Becomes
   * true once and stays true.
   */
  readonly stateful: boolean
  /** While it is away: the timeout that the socket had before, in milliseconds. 0 if it had none. */
  readonly timeoutMs: number
}
