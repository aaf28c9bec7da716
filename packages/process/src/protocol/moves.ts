/**
 * The protocol between a draining instance and its successor, on the successor's receiving socket: JSON lines. The
 * descriptors of a batch are sent as SCM_RIGHTS (unix(7)) with the first byte of its line, in the order of `moved`.
 *
 *     successor    ── Greeting ─────────►  predecessor
 *     successor    ◄───────────── Batch ──  predecessor    any number of times
 *     successor    ── Acknowledgement ──►  predecessor    one for each batch
 */

/** From the successor: its first line. */
export interface Greeting {
  version: 1
  /** How many connections the successor has. */
  open: number
  /** Names of the WebSocketServers whose sessions it can receive. Absent in versions that can receive none. */
  webSockets?: string[]
}

/** From the predecessor. */
export interface Batch {
  version: 1
  batch: number
  moved: MovedConnection[]
}

export interface MovedConnection {
  /** Name of the listener that accepted the connection. */
  listener: string
  /** No byte has arrived yet, so Node's time limit for the first request still applies. */
  fresh: boolean
  /** How many requests have arrived so far. */
  requests: number
  /** Present if it is a WebSocket. Sent only to a successor whose greeting names its server. */
  webSocket?: MovedWebSocket
}

/** A WebSocket (RFC 6455) without extensions, between two messages in both directions. */
export interface MovedWebSocket {
  /** Name of its WebSocketServer, see `Greeting`. */
  name: string
  /** The GET that opened it. */
  request: { url: string; rawHeaders: string[] }
  /** The negotiated subprotocol. Empty if there is none. */
  protocol: string
  /** The application's state of the session, as JSON. */
  state: unknown
  /** In base64: the beginning of a frame whose rest has not arrived yet. */
  unread: string
}

/** From the successor: it has the connections of the batch now, except those at the indexes in `refused`. */
export interface Acknowledgement {
  batch: number
  refused: number[]
}
