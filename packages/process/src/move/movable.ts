import type net from 'node:net'
import type { Connection } from '../connections/connection.js'
import type { Connections } from '../connections/connections.js'
import type { Endpoints } from '../connections/websocket/endpoints.js'
import type { Greeting, MovedConnection } from '../protocol/moves.js'

/** What the receiving process has. */
export interface Home {
  readonly connections: Connections
  /** The WebSocketServers whose sessions may move. */
  readonly endpoints: Endpoints
}

/**
 * One kind of connection that another process can continue: a file in this folder, and a line in `kinds.ts`.
 * The sender calls
 *
 *     mayMove ──► atRest ──► record ──► setOut ──► gone         the receiver has it
 *        ▲                                │
 *        └───────── comeBack ─────────────┘                     it was refused, or the receiver died
 *
 * and the receiver calls `greeting` when the sender connects, then `serves`, `matches` and `receive` for each connection.
 * What all kinds have in common (timeouts, reading, pinned connections) is in `kinds.ts`.
 */
export interface Movable extends Sender, Receiver {}

interface Sender {
  /** Whether `connection` is of this kind. A connection is of one kind, or of none. */
  owns(connection: Connection): boolean
  /** Whether it may leave once it is at rest. */
  mayMove(connection: Connection): boolean
  /** Whether a process with that greeting takes it. */
  isWelcome(connection: Connection, greeting: Greeting): boolean
  /**
   * Those of the candidates that can leave in this turn: nothing half received, nothing half written. Called right
   * after a poll. `decided` is called when one that must ask the application first has its answer.
   */
  atRest(
    connections: Connections,
    candidates: readonly Connection[],
    decided: () => void,
  ): Iterable<Connection>
  /** What the receiver must know beside what holds for every kind. Only for one that is at rest. */
  record(connection: Connection): Partial<MovedConnection>
  setOut?(connection: Connection): void
  comeBack?(connection: Connection): void
  gone?(connection: Connection): void
  /**
   * Whether the application has written since `setOut`, so that the record is outdated. Present on kinds whose
   * application may write at any time: exec() freezes these last.
   */
  hasWritten?(connection: Connection): boolean
}

interface Receiver {
  /** Whether `server` can continue connections of this kind. */
  serves(server: net.Server): boolean
  /** What the sender must know of this process before it sends any. */
  greeting?(home: Home): Partial<Greeting>
  /** Whether the record is one of this kind. */
  matches(record: MovedConnection): boolean
  /** Continues the connection on `server`. False where that is impossible; `fd` is closed then. */
  receive(home: Home, server: net.Server, record: MovedConnection, fd: number): boolean
}
