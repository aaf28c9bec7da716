import fs from 'node:fs'
import type net from 'node:net'
import * as transition from '../connections/connection.js'
import type { Connection } from '../connections/connection.js'
import type { Connections } from '../connections/connections.js'
import { descriptorOf, startReading, stopReading } from '../node/handle.js'
import type { Greeting, MovedConnection } from '../protocol/moves.js'
import { http1 } from './http1.js'
import type { Home, Movable } from './movable.js'
import { webSocket } from './websocket.js'

/** Every kind of connection that moves, in the order in which they set out. */
const kinds: readonly Movable[] = [http1, webSocket]

const kindOf = (connection: Connection): Movable | undefined => kinds.find((kind) => kind.owns(connection))

/**
 * Whether another process could continue it once it is at rest. True also while it is away. `again`: whether to look
 * again for state that the application has attached to it, as right before it leaves.
 */
export function isMovable(connection: Connection, again = false): boolean {
  const { phase, socket } = connection
  const decision = transition.decisionOn(connection)
  if (phase === 'closing' || decision === 'stays') return false
  if (kindOf(connection)?.mayMove(connection, decision, again) !== true) return false
  return socket.readable && socket.writable && !socket.destroyed && descriptorOf(socket) >= 0
}

/** Whether a process with that greeting can receive it. */
export const isWelcome = (connection: Connection, greeting: Greeting): boolean =>
  kindOf(connection)?.isWelcome(connection, greeting) === true

/** The candidates that can leave in this turn: see `Movable.atRest`. */
export function* atRest(
  connections: Connections,
  candidates: readonly Connection[],
  decided: () => void,
): Generator<Connection> {
  for (const kind of kinds) {
    const own = candidates.filter((connection) => kind.owns(connection))
    if (own.length > 0) yield* kind.atRest(connections, own, decided)
  }
}

/** Whether its application may write at any time. */
export const writesUnasked = (connection: Connection): boolean => kindOf(connection)?.hasWritten !== undefined

/** Whether its application has written since it set out. */
export const hasWritten = (connection: Connection): boolean =>
  kindOf(connection)?.hasWritten?.(connection) === true

/** The record for the receiving process. `listener`: the name of the listener that accepted it. */
export function recordOf(connection: Connection, listener: string): MovedConnection {
  const { aside, requests, socket } = connection
  const fresh = socket.bytesRead === 0 && !aside
  return { listener, fresh, requests, ...kindOf(connection)?.record(connection) }
}

/** From here on another process reads from it, and this one does not. */
export function setOut(connection: Connection): void {
  const { socket } = connection
  transition.setOut(connection)
  socket.setTimeout(0)
  stopReading(socket)
  kindOf(connection)?.setOut?.(connection)
}

/** It was refused, and is served here again. */
export function comeBack(connection: Connection): void {
  const { socket } = connection
  if (socket.destroyed) return
  transition.comeBack(connection)
  socket.setTimeout(connection.timeoutMs)
  startReading(socket)
  kindOf(connection)?.comeBack?.(connection)
}

/** Another process has it. */
export function depart(connections: Connections, connection: Connection): void {
  kindOf(connection)?.gone?.(connection)
  connections.release(connection)
}

/** Whether `server` can continue connections of any kind. */
export const canReceive = (server: net.Server): boolean => kinds.some((kind) => kind.serves(server))

/** The greeting to a process that connects to send connections. */
export function greetingOf(home: Home): Greeting {
  const greeting: Greeting = { version: 1, open: home.connections.open.size }
  return Object.assign(greeting, ...kinds.map((kind) => kind.greeting?.(home) ?? {})) as Greeting
}

/** Continues a connection of another process on `server`. If that is impossible, closes `fd` and returns false. */
export function receive(
  home: Home,
  server: net.Server | undefined,
  record: MovedConnection,
  fd: number,
): boolean {
  const kind = server?.listening && kinds.find((one) => one.serves(server) && one.matches(record))
  if (server && kind) return kind.receive(home, server, record, fd)
  fs.closeSync(fd)
  return false
}
