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

/** One connection of a tracked server. Only the functions in this file change it. */
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

/** The fields that only this file changes. */
interface State extends Connection {
  server: net.Server
  stream: net.Socket
  phase: Phase
  exchanges: Exchange[]
  requests: number
  busiest: number
  session: ServerHttp2Session | null
  upgraded: Upgraded | null
  idleSince: number
  fate: Fate | null
  aside: boolean
  passedOn: boolean
  decision: MoveDecision
  stateful: boolean
  timeoutMs: number
}

const state = (connection: Connection): State => connection as State

/** The server has accepted it. */
export function accepted(server: net.Server, socket: net.Socket, rule: MoveRule): Connection {
  const connection: State = {
    server,
    socket,
    stream: socket,
    phase: 'serving',
    exchanges: [],
    requests: 0,
    busiest: 0,
    session: null,
    upgraded: null,
    idleSince: performance.now(),
    fate: null,
    aside: false,
    passedOn: false,
    decision: null,
    rule,
    stateful: false,
    timeoutMs: 0,
  }
  return connection
}

/** Another process has served `requests` requests on it. It is aside if HTTP/1, and not if `upgraded` to WebSocket. */
export function received(
  server: net.Server,
  socket: net.Socket,
  rule: MoveRule,
  requests: number,
  upgraded: Upgraded | null,
): Connection {
  return Object.assign(state(accepted(server, socket, rule)), {
    requests,
    upgraded,
    aside: upgraded === null,
  })
}

/** The server knows it now, as if it had accepted it. */
export function introduced(connection: Connection): void {
  state(connection).aside = false
}

/** The TLS handshake is done. */
export function secured(connection: Connection, stream: net.Socket): void {
  state(connection).stream = stream
  state(connection).idleSince = performance.now()
}

/** HTTP/2 was negotiated. */
export function openedSession(connection: Connection, session: ServerHttp2Session): void {
  state(connection).session = session
}

export function becameUpgraded(connection: Connection, upgraded: Upgraded): void {
  state(connection).upgraded = upgraded
}

/** A request has arrived. */
export function beganExchange(connection: Connection, exchange: Exchange): void {
  const changed = state(connection)
  const count = changed.exchanges.push(exchange)
  changed.requests++
  if (count > changed.busiest) changed.busiest = Math.max(changed.busiest, unanswered(changed).length)
}

/** The response is written, or the request was aborted. Returns false if it was already over. */
export function endedExchange(connection: Connection, exchange: Exchange): boolean {
  const changed = state(connection)
  const index = changed.exchanges.indexOf(exchange)
  if (index === -1) return false
  changed.exchanges.splice(index, 1)
  if (changed.exchanges.length === 0) changed.idleSince = performance.now()
  return true
}

/** The client's FIN has come. It ended the connection if this process had not sent its own. */
export function endedByPeer(connection: Connection): void {
  state(connection).fate ??= 'peer'
}

/** This process ends it where the protocol allows it. */
export function endedOrderly(connection: Connection): void {
  state(connection).fate ??= 'orderly'
}

/** No further request is answered, and the client knows it or soon will. A drain no longer waits for its idle time. */
export function startClosing(connection: Connection): void {
  state(connection).phase = 'closing'
}

/** The deadline has passed. */
export function markCut(connection: Connection): void {
  state(connection).fate = 'deadline'
}

/** The application has decided whether it moves. A connection that is away cannot stay. */
export function decideMove(connection: Connection, decision: MoveDecision): void {
  state(connection).decision = decision
}

/** See `stateful`. */
export function becameStateful(connection: Connection): void {
  state(connection).stateful = true
}

/** What the application has decided about it: for this connection alone, else for all. */
export const decisionOn = ({ decision, rule, stream }: Connection): MoveDecision =>
  decision ?? rule.decide(stream)

/** The application passes it to `server`, which did not accept it. Only this process knows how. */
export function passedOn(connection: Connection, server: net.Server): void {
  state(connection).server = server
  state(connection).passedOn = true
  state(connection).decision = 'stays'
}

/** It is on its way to another process, which reads from it from now on. */
export function setOut(connection: Connection): void {
  const changed = state(connection)
  changed.phase = 'away'
  changed.fate = 'handedOver'
  changed.timeoutMs = changed.socket.timeout ?? 0
}

/** The other process did not take it. */
export function comeBack(connection: Connection): void {
  const changed = state(connection)
  changed.phase = 'serving'
  changed.fate = null
}

/** The requests whose response the application has not ended yet. */
function unanswered({ exchanges }: Connection): Exchange[] {
  return exchanges.filter(({ response, stream }) => !(stream ?? response)?.writableEnded)
}
