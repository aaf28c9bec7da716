import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { Connection } from '../connections/connections.js'

/**
 * Ends an HTTP/2 connection without losing a stream that is on its way (RFC 9113, 6.8): first a GOAWAY that
 * names no stream, so that the client opens no new one, and a round trip later the real one.
 *
 * Node has no call for the first: after `session.goaway(0, 2 ** 31 - 1)` the server itself ignores what is in
 * flight. On plaintext the frame is written to the socket. Over TLS that write would trip an assertion in
 * Node's TLSWrap and end the process; there the goodbye goes out with the last answer instead.
 */
export function sayGoodbye(connection: Connection): void {
  const { session, socket, stream } = connection
  if (session === null || session.closed || connection.closing) return
  connection.closing = true
  connection.fate ??= 'orderly'
  if (stream !== socket) return closeWithLastAnswer(connection)
  whenCaughtUp(connection, session, () => {
    socket.write(shutdownNotice)
    const timer = setTimeout(() => session.close(), roundTripMs)
    session.once('close', () => clearTimeout(timer))
  })
}

/** As `sayGoodbye`, but a client that has just connected gets the answer to its first request. */
export function sayGoodbyeAfterFirstRequest(connection: Connection): void {
  if (connection.requests > 0) return sayGoodbye(connection)
  connection.session?.once('stream', () => setImmediate(sayGoodbye, connection))
}

/**
 * Calls back at a moment when the client has read every answer, as far as can be told; soon in any case.
 *
 * A client that finds an answer and a GOAWAY in one read may have asked again in between, in its own memory: it
 * gives up that stream unsent (nghttp2 does, and with it h2load and Node's client), and some call it failed.
 * So the notice goes out with a request that brings the client to as many streams as it has ever had at once.
 */
function whenCaughtUp(
  { busiest, exchanges, socket }: Connection,
  session: ServerHttp2Session,
  callback: () => void,
): void {
  /** What had been written when they came: an answer given at once is not among it yet. */
  const writtenBefore = new Map<ServerHttp2Stream | undefined, number>()
  const arrived = (stream: ServerHttp2Stream) => {
    writtenBefore.set(stream, socket.bytesWritten)
    const unanswered = exchanges.filter(
      ({ stream }) => stream?.writableEnded !== true || writtenBefore.get(stream) === socket.bytesWritten,
    )
    if (unanswered.length >= busiest) caughtUp()
  }
  const caughtUp = () => {
    stop()
    callback()
  }
  const stop = () => {
    clearTimeout(timer)
    session.off('stream', arrived).off('close', stop)
  }
  const timer = setTimeout(caughtUp, catchUpMs)
  session.on('stream', arrived).once('close', stop)
}

/**
 * Closes the session just before the end of an answer goes out, when no other stream is open: a client that
 * asks again only when it has its answer has read the GOAWAY by then, and no stream of its is refused.
 *
 * One that keeps several streams open never gives such a moment. For it the session is closed in the end all
 * the same; the streams that cross that GOAWAY were not looked at, and may be sent again (RFC 9113, 8.7).
 */
function closeWithLastAnswer({ session, exchanges }: Connection): void {
  if (session === null) return
  const close = () => session.close()
  const watch = (stream: ServerHttp2Stream) => {
    stream.once('prefinish', () => {
      if (exchanges.length === 1) close()
    })
  }
  for (const { stream } of exchanges) if (stream !== undefined) watch(stream)
  session.on('stream', watch)
  const timer = setTimeout(close, lastAnswerMs)
  session.once('close', () => clearTimeout(timer))
}

/** Longer than a round trip to any client on plaintext HTTP/2, which is spoken inside data centres. */
const roundTripMs = 250

/** Long enough for many answers on a busy machine, and short beside a drain. */
const catchUpMs = 1000

/** Longer than most answers take: until then a client of one stream at a time has had its moment. */
const lastAnswerMs = 2000

/** Length 8, type GOAWAY, no flags, stream 0; last stream 2^31-1, NO_ERROR. */
const shutdownNotice = Buffer.from('0000080700000000007fffffff00000000', 'hex')
