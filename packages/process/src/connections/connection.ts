import type { ServerHttp2Session } from 'node:http2'
import type net from 'node:net'
import type { Connection, Exchange, Fate, MoveDecision, MoveRule, Phase } from './connection-state.js'
import type { Upgraded } from './websocket/upgraded.js'

export type * from './connection-state.js'

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
