import fs from 'node:fs'
import { IncomingMessage } from 'node:http'
import net from 'node:net'
import type { Connection } from '../connections/connection.js'
import { isPlainHttp1 } from '../connections/http1.js'
import type { Endpoint, WebSocketLike } from '../connections/websocket/hooks.js'
import { sessionOf, type Session } from '../connections/websocket/session.js'
import { Upgraded } from '../connections/websocket/upgraded.js'
import { countFor } from '../node/server-count.js'
import { messageOf } from '../protocol/errors.js'
import type { MovedWebSocket } from '../protocol/moves.js'
import type { Home, Movable } from './movable.js'

/** A WebSocket whose application lets its sessions move, between two messages in both directions. */
export const webSocket: Movable = {
  owns: ({ upgraded }) => sessionOf(upgraded) !== undefined,
  mayMove: ({ server, socket, stream, upgraded }) =>
    stream === socket && isPlainHttp1(server) && sessionOf(upgraded)?.mayMove === true,
  isWelcome: ({ upgraded }, { webSockets }) =>
    Array.isArray(webSockets) && webSockets.includes(sessionOf(upgraded)?.endpoint.name ?? ''),
  *atRest(_connections, candidates, decided) {
    for (const connection of candidates) if (prepare(connection, decided)) yield connection
  },
  record: ({ upgraded }) => ({ webSocket: sessionOf(upgraded)?.record() }),
  setOut: ({ upgraded }) => upgraded?.hold(),
  comeBack({ upgraded }) {
    upgraded?.release()
    sessionOf(upgraded)?.resume()
  },
  gone: ({ upgraded }) => sessionOf(upgraded)?.gone(),
  hasWritten: ({ upgraded }) => upgraded?.waits === true,

  serves: isPlainHttp1,
  greeting({ endpoints: { names } }) {
    return names.length === 0 ? {} : { webSockets: names }
  },
  matches: (record) => record.webSocket !== undefined,
  receive(home, server, { requests, webSocket: moved }, fd) {
    const endpoint = isComplete(moved) ? home.endpoints.named(moved.name) : undefined
    if (isComplete(moved) && endpoint) return reopen(home, server, fd, requests, moved, endpoint)
    fs.closeSync(fd)
    return false
  },
}

const prepare = ({ upgraded }: Connection, decided: () => void): boolean =>
  sessionOf(upgraded)?.prepare(decided) === true

/** Whether the record has all required fields: the sender may be of another version. */
function isComplete(moved: unknown): moved is MovedWebSocket {
  const { name, protocol, request, unread } = (moved ?? {}) as Partial<MovedWebSocket>
  if (!request || !Array.isArray(request.rawHeaders)) return false
  return [name, protocol, unread, request.url, ...request.rawHeaders].every(
    (text) => typeof text === 'string',
  )
}

/**
 * `handleUpgrade()`, which is documented, opens the session again with the client's request. The answer that `ws`
 * writes is compared with what the client got, and dropped. So the installed version of `ws` creates its own objects.
 * The session is refused if `ws` answers differently or later.
 */
function reopen(
  { connections }: Home,
  server: net.Server,
  fd: number,
  requests: number,
  moved: MovedWebSocket,
  endpoint: Endpoint,
): boolean {
  // Paused: nothing is read before the application has set the session up.
  const socket = new net.Socket({ fd, readable: true, writable: true, allowHalfOpen: true }).pause()
  const upgraded = new Upgraded(requestOf(socket, moved), socket, true)
  upgradeAgain(endpoint, upgraded, moved)
  const session = sessionOf(upgraded)
  const { accepted } = upgraded
  if (session === undefined || accepted?.protocol !== moved.protocol || accepted.extensions !== '') {
    socket.on('error', () => {}).destroy()
    return false
  }
  connections.receive(server, socket, requests, upgraded)
  countFor(server, socket)
  void setUp(endpoint, session, upgraded, moved.state)
  return true
}

/** The connection has a session afterwards if `ws` has opened the WebSocket. */
function upgradeAgain(
  { server, warn }: Endpoint,
  { request, stream }: Upgraded,
  moved: MovedWebSocket,
): void {
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

/** The predecessor has verified the client, whose credentials may have expired since. */
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

/** Joins headers like Node: a field that was sent twice with commas, cookies with semicolons. */
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
