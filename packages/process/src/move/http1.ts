import fs from 'node:fs'
import net from 'node:net'
import * as transition from '../connections/connection.js'
import type { Connection } from '../connections/connection.js'
import { idleConnections, isPlainHttp1, speaksHttp1 } from '../connections/http1.js'
import { hasApplicationState } from './application-state.js'
import { introduce } from './introduce.js'
import type { Movable } from './movable.js'

/** A plain HTTP/1 connection between two requests. */
export const http1: Movable = {
  owns: ({ server, session, upgraded }) => speaksHttp1(server) && session === null && upgraded === null,
  mayMove(connection, decision, again) {
    const { phase, server, socket, stream } = connection
    if (stream !== socket || !isPlainHttp1(server)) return false
    if (phase === 'away' || decision === 'moves') return true
    return !hasApplicationState(connection, again)
  },
  isWelcome: () => true,
  atRest: (connections, candidates) => idleConnections(connections, candidates),
  record: () => ({}),

  serves: isPlainHttp1,
  matches: ({ webSocket }) => webSocket === undefined,
  receive({ connections }, server, { fresh, requests }, fd) {
    let socket: net.Socket
    try {
      // allowHalfOpen as in http.Server: a client may end its side before it reads the response.
      socket = new net.Socket({ fd, readable: true, writable: true, allowHalfOpen: true })
    } catch {
      fs.closeSync(fd)
      return false
    }
    const connection = connections.receive(server, socket, requests)
    if (fresh) introduce(connection)
    else keepAside(connection)
    return true
  },
}

/**
 * Waits for the next request before the server gets the connection. Node would treat it as a new connection that waits
 * for its first request: after `headersTimeout` it would send a 408, and the client would treat that as the response
 * to its next request.
 *
 * Meanwhile the server's keep-alive timeout applies, from the start.
 */
function keepAside(connection: Connection): void {
  const { server, socket } = connection
  const failed = () => {} // 'close' follows
  const expired = () => {
    transition.endedOrderly(connection)
    socket.destroy()
  }
  const looked = () => {
    const bytes = socket.read() as Buffer | null
    if (bytes === null) return // the client's FIN, which has an event of its own
    socket.off('readable', looked).off('timeout', expired).off('error', failed).off('end', ended)
    socket.setTimeout(0)
    introduce(connection)
    socket.unshift(bytes)
  }
  const ended = () => socket.end(() => socket.destroy())
  const { keepAliveTimeout = 0, keepAliveTimeoutBuffer = 0 } = server as KeepAlive
  socket.setTimeout(keepAliveTimeout === 0 ? 0 : keepAliveTimeout + keepAliveTimeoutBuffer)
  socket.on('timeout', expired).on('error', failed).on('end', ended).on('readable', looked)
}

/** Milliseconds. Since Node 24.6 a server waits a little longer than it announces. */
interface KeepAlive {
  keepAliveTimeout?: number
  keepAliveTimeoutBuffer?: number
}
