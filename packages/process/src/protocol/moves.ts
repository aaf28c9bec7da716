/**
 * What a draining instance and its successor say to each other on the successor's adoption socket: JSON lines.
 * The descriptors of a batch travel as SCM_RIGHTS with the first byte of its line, in the order of `moved`.
 */

/** From the successor, first of all. */
export interface Greeting {
  version: 1
  /** How many connections it has. */
  open: number
  /** Names of the WebSocketServers whose sessions it takes; absent in versions that take none. */
  webSockets?: string[]
}

/** From the predecessor. */
export interface Batch {
  version: 1
  batch: number
  moved: MovedConnection[]
}

export interface MovedConnection {
  /** Name of the listener that the connection came from. */
  listener: string
  /** It has brought no byte yet, so Node's time limit for a first request still applies to it. */
  fresh: boolean
  /** How many requests it has brought so far. */
  requests: number
  /** It is a WebSocket, and goes on as one. Only to those who have named its server in their greeting. */
  webSocket?: MovedWebSocket
}

/** A plain WebSocket (RFC 6455) without extensions, between two messages in both directions. */
export interface MovedWebSocket {
  /** Of its WebSocketServer, see `Greeting`. */
  name: string
  /** The GET that opened it. */
  request: { url: string; rawHeaders: string[] }
  /** The subprotocol that was agreed on; empty: none. */
  protocol: string
  /** The application's own. */
  state: unknown
  /** Base64: the beginning of a frame that the client is just sending. */
  unread: string
}

/** From the successor: the batch is its own now, but for those at the indexes in `refused`. */
export interface Acknowledgement {
  batch: number
  refused: number[]
}
