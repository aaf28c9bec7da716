import { IncomingMessage } from 'node:http'
import net from 'node:net'
import { countFor } from './received.js'
import type { MovedConnection, MovedWebSocket } from '../protocol/moves.js'
import type { Connections } from '../connections/connections.js'
import { messageOf } from '../protocol/errors.js'
import type { Endpoint, WebSocketLike } from '../connections/websocket/hooks.js'
import type { Session } from '../connections/websocket/session.js'
import { Upgraded } from '../connections/websocket/upgraded.js'

/**
 * Goes on with a predecessor's WebSocket; false, and the descriptor closed, where it cannot.
 *
 * `handleUpgrade()`, which is documented, opens it with the request of its client. The answer that `ws` writes is
 * compared with what the client was told, and goes nowhere. So whichever version of `ws` is there makes its own
 * objects; one that answers otherwise, or later, gets no session.
 */
export function adoptWebSocket(
  connections: Connections,
  server: net.Server,
  fd: number,
  { requests, webSocket: moved }: MovedConnection & { webSocket: MovedWebSocket },
  endpoint: Endpoint,
): boolean {
  // Paused: nothing is read before the application has set the session up.
  const socket = new net.Socket({ fd, readable: true, writable: true, allowHalfOpen: true }).pause()
  const upgraded = new Upgraded(requestOf(socket, moved), socket, true)
  reopen(endpoint, upgraded, moved)
  const { accepted, session } = upgraded
  if (session === null || accepted?.protocol !== moved.protocol || accepted.extensions !== '') {
    socket.on('error', () => {}).destroy()
    return false
  }
  const connection = connections.adopt(server, socket, requests)
  Object.assign(connection, { aside: false, upgraded })
  countFor(server, socket)
  void setUp(endpoint, session, upgraded, moved.state)
  return true
}

/** Whether a predecessor, of whatever version, has said all that is needed. */
export function isComplete(moved: unknown): moved is MovedWebSocket {
  const { name, protocol, request, unread } = (moved ?? {}) as Partial<MovedWebSocket>
  if (!request || !Array.isArray(request.rawHeaders)) return false
  return [name, protocol, unread, request.url, ...request.rawHeaders].every(
    (text) => typeof text === 'string',
  )
}

/** As far as `ws` looks at it; `session` is set when it has opened the WebSocket. */
function reopen({ server, warn }: Endpoint, { request, stream }: Upgraded, moved: MovedWebSocket): void {
  const { 'sec-websocket-extensions': _offered, ...headers } = request.headers
  if (moved.protocol !== '') headers['sec-websocket-protocol'] = moved.protocol
  else delete headers['sec-websocket-protocol']
  const asked = Object.create(request, { headers: { value: headers } }) as IncomingMessage
  try {
    const trusting = withoutVerification(server)
    server.handleUpgrade.call(trusting, asked, stream, Buffer.from(moved.unread, 'base64'), () => {})
  } catch (error) {
    warn(`A moved WebSocket could not be opened again: ${messageOf(error)}`)
  }
}

/** The predecessor has let the client in; its credentials may be used up by now. */
function withoutVerification<Server extends object>(server: Server): Server {
  const { options } = server as { options?: object }
  if (typeof options !== 'object') return server
  return Object.create(server, { options: { value: { ...options, verifyClient: null } } }) as Server
}

async function setUp(endpoint: Endpoint, session: Session, { request, stream }: Upgraded, state: unknown) {
  const { ws } = session
  try {
    const done = endpoint.hooks.adopt(ws, state, request)
    if (done instanceof Promise) await done
  } catch (error) {
    endpoint.warn(`The hook adopt() of webSockets() threw: ${messageOf(error)}`)
    session.close()
  }
  if (!isPaused(ws)) stream.resume()
}

const isPaused = ({ isPaused = false }: WebSocketLike): boolean => isPaused

function requestOf(socket: net.Socket, { request: { url, rawHeaders } }: MovedWebSocket): IncomingMessage {
  const request = new IncomingMessage(socket)
  Object.assign(request, { method: 'GET', url, rawHeaders, httpVersion: '1.1', complete: true })
  Object.assign(request, { httpVersionMajor: 1, httpVersionMinor: 1 })
  request.headers = headersOf(rawHeaders)
  return request
}

/** As Node joins them: a field that came twice is one with commas, cookies one with semicolons. */
function headersOf(raw: string[]): NodeJS.Dict<string | string[]> {
  const headers: NodeJS.Dict<string> = {}
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = (raw[at] ?? '').toLowerCase()
    const value = raw[at + 1] ?? ''
    const before = headers[name]
    headers[name] = before === undefined ? value : `${before}${name === 'cookie' ? '; ' : ', '}${value}`
  }
  return headers
}
