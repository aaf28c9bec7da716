import type { Connection, Exchange } from '../connections/connection.js'
import { eventStream } from './event-stream.js'
import { http1 } from './http1.js'
import { http2 } from './http2.js'
import type { DrainContext, Protocol, ProtocolDrain } from './protocol.js'
import { rawTcp } from './raw-tcp.js'
import { webSocket } from './websocket.js'

/** Every connection matches at least one of them: the last one matches all. */
const protocols: readonly Protocol[] = [http2, eventStream, http1, webSocket, rawTcp]

export const protocolOf = (connection: Connection): Protocol =>
  protocols.find((protocol) => protocol.owns(connection)) ?? rawTcp

export const protocolDrains = (context: DrainContext): ProtocolDrain[] =>
  protocols.map((protocol) => protocol.drain(context))

/** For messages: one for each request in flight, else a name of the connection. */
export function describe(connection: Connection): string[] {
  if (connection.exchanges.length === 0) return [protocolOf(connection).name]
  return connection.exchanges.map(describeExchange)
}

/** For messages: `GET /slow 12.3 s`, or `GET /events 12.3 s, inside its response`. */
export function describeExchange({ label, response, startedAt, stream }: Exchange): string {
  const inside = (stream ?? response)?.headersSent === true ? ', inside its response' : ''
  return `${label} ${((performance.now() - startedAt) / 1000).toFixed(1)} s${inside}`
}
