import type net from 'node:net'
import type { Connection, MoveDecision } from '../connections/connection.js'
import type { Connections } from '../connections/connections.js'
import type { Endpoints } from '../connections/websocket/endpoints.js'
import type { Greeting, MovedConnection } from '../protocol/moves.js'

/** The services of the receiving process that a kind may use. */
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
 * and the receiver calls `greeting` when the sender connects, then `serves`, `matches` and `receive` for each
 * connection. What all kinds have in common (timeouts, reading, decisions) is in `kinds.ts`.
 */
export interface Movable extends Sender, Receiver {}

interface Sender {
  /** Whether `connection` is of this kind. A connection is of one kind, or of none. */
  owns(connection: Connection): boolean
  /**
   * Whether it may leave once it is at rest. `decision`: that of the application, not `stays`. `again`: an earlier
   * answer is not used.
   */
  mayMove(connection: Connection, decision: MoveDecision, again: boolean): boolean
  /** Whether a process with that greeting can receive it. */
  isWelcome(connection: Connection, greeting: Greeting): boolean
  /**
   * The candidates that can leave in this turn: nothing is partly received or partly written. Called right after a
   * poll. If the application must be asked first, `decided` is called once it has answered.
   */
  atRest(
    connections: Connections,
    candidates: readonly Connection[],
    decided: () => void,
  ): Iterable<Connection>
  /** The fields of the record that only this kind has. Only for a connection at rest. */
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
  /** The fields of the greeting that only this kind has. */
  greeting?(home: Home): Partial<Greeting>
  /** Whether the record is of this kind. */
  matches(record: MovedConnection): boolean
  /** Continues the connection on `server`. If that is impossible, closes `fd` and returns false. */
  receive(home: Home, server: net.Server, record: MovedConnection, fd: number): boolean
}
