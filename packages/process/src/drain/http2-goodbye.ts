import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import { endedOrderly, startClosing, type Connection } from '../connections/connection.js'

/**
 * Ends an HTTP/2 connection without losing a stream that is on its way (RFC 9113, 6.8): first a GOAWAY with the
 * highest stream id, so that the client opens no new stream, and a round trip later the final one.
 *
 * Node has no call for the first GOAWAY: after `session.goaway(0, 2 ** 31 - 1)` the server itself ignores what is in
 * flight. On plaintext the frame is written to the socket. Over TLS that write would fail an assertion in Node's
 * TLSWrap and end the process. There the only GOAWAY is sent with the last response.
 */
export function sayGoodbye(connection: Connection): void {
  const { session, socket, stream } = connection
  if (session === null || session.closed || connection.phase === 'closing') return
  startClosing(connection)
  endedOrderly(connection)
  if (stream !== socket) return closeWithLastAnswer(connection)
  whenCaughtUp(connection, session, () => {
    socket.write(shutdownNotice)
    const timer = setTimeout(() => session.close(), roundTripMs)
    session.once('close', () => clearTimeout(timer))
  })
}

/** Like `sayGoodbye`, but a client that has just connected gets the response to its first request. */
export function sayGoodbyeAfterFirstRequest(connection: Connection): void {
  if (connection.requests > 0) return sayGoodbye(connection)
  connection.session?.once('stream', () => setImmediate(sayGoodbye, connection))
}

/**
 * Calls back when the client has probably read every response, at most a second later.
 *
 * A client that reads a response and a GOAWAY at once may have queued a new request in between. It drops that stream
 * unsent (nghttp2 does, and with it h2load and Node's client), and some clients report it as failed. So the GOAWAY is
 * sent when a request brings the client to as many streams as it has ever had at once.
 */
function whenCaughtUp(
  { busiest, exchanges, socket }: Connection,
  session: ServerHttp2Session,
  callback: () => void,
): void {
  /** By stream: how many bytes had been written when its request arrived, before any response to it. */
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
 * Closes the session just before the end of a response is sent, when no other stream is open. A client that waits for
 * its response before the next request has read the GOAWAY by then, and none of its streams is refused.
 *
 * With a client that always has several streams open there is no such moment. Its session is closed after two seconds
 * all the same. The streams that cross the GOAWAY were not processed, and may be sent again (RFC 9113, 8.7).
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

/** Milliseconds. Longer than a round trip to any client on plaintext HTTP/2, which is used inside data centres. */
const roundTripMs = 250

/** Milliseconds. Long enough for many responses on a busy machine, and short compared with a drain. */
const catchUpMs = 1000

/** Milliseconds. Longer than most responses, so a client with one stream at a time has had none at some moment. */
const lastAnswerMs = 2000

/** Length 8, type GOAWAY, no flags, stream 0; last stream 2^31-1, NO_ERROR. */
const shutdownNotice = Buffer.from('0000080700000000007fffffff00000000', 'hex')
