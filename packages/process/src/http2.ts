import type { Connection } from './connections.js'

/**
 * Ends an HTTP/2 connection without losing a stream that is on its way (RFC 9113, 6.8): first a GOAWAY that
 * names no stream, so that the client opens no new one, and a round trip later the real one.
 *
 * Node has no call for the first: `session.goaway(0, 2 ** 31 - 1)` makes the server itself refuse what is in
 * flight. On plaintext the frame is written to the socket; over TLS that write would trip an assertion in
 * Node's TLSWrap, so there `close()` alone has to do, and the client sends refused streams again (RFC 9113, 8.7).
 */
export function sayGoodbye(connection: Connection): void {
  const { session, socket, stream } = connection
  if (session === null || session.closed || connection.closing) return
  connection.closing = true
  connection.fate ??= 'orderly'
  if (stream !== socket) return session.close()
  socket.write(shutdownNotice)
  const timer = setTimeout(() => session.close(), roundTripMs)
  session.once('close', () => clearTimeout(timer))
}

/** As `sayGoodbye`, but a client that has just connected gets the answer to its first request. */
export function sayGoodbyeAfterFirstRequest(connection: Connection): void {
  if (connection.requests > 0) return sayGoodbye(connection)
  connection.session?.once('stream', () => setImmediate(sayGoodbye, connection))
}

/** Longer than a round trip to any client on plaintext HTTP/2, which is spoken inside data centres. */
const roundTripMs = 250

/** Length 8, type GOAWAY, no flags, stream 0; last stream 2^31-1, NO_ERROR. */
const shutdownNotice = Buffer.from('0000080700000000007fffffff00000000', 'hex')
