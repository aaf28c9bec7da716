import { endedOrderly, startClosing, type Connection } from '../connections/connection.js'
import { speaksHttp1 } from '../connections/http1.js'
import { sessionOf } from '../connections/websocket/session.js'
import { endThenDestroy, lingeringClose } from './closing.js'
import { Goodbyes } from './goodbyes.js'
import type { Protocol } from './protocol.js'

/** Sends a Close frame with 1012 between two messages. Other upgraded connections end by themselves, or are cut. */
export const webSocket: Protocol = {
  owns: ({ server }) => speaksHttp1(server),
  name: 'upgraded connection',
  cut: ({ stream }) => endThenDestroy(stream),
  drain: (context) => new Goodbyes(context, lasts, end),
}

const lasts = ({ phase, upgraded }: Connection): boolean => upgraded !== null && phase !== 'closing'

function end(connection: Connection, insisting: boolean, goodbyes: Goodbyes): void {
  const { phase, upgraded } = connection
  const session = sessionOf(upgraded)
  if (upgraded === null) return
  // It is on its way to another process, or its handshake is not answered yet. Both end soon.
  if (phase === 'away' || upgraded.undecided) return goodbyes.endIn(connection, soonMs)
  if (session !== undefined && upgraded.open) {
    session.stay()
    session.close()
    awaitReply(connection, goodbyes)
  } else if (upgraded.open) {
    upgraded.close(insisting ? 'frame' : 'message', () => awaitReply(connection, goodbyes))
  } else if (upgraded.closing) awaitReply(connection, goodbyes)
}

/** The client answers with its own Close frame, and then the application ends the connection. */
function awaitReply(connection: Connection, goodbyes: Goodbyes): void {
  endedOrderly(connection)
  startClosing(connection)
  goodbyes.callIn(connection, replyMs, () => lingeringClose(connection.stream))
}

/** Milliseconds: a round trip to a phone that has to wake up. */
const replyMs = 5000
const soonMs = 100
