import type net from 'node:net'
import type { Connection } from '../connections/connection.js'
import { foreignKeys, isReadByParserAlone, parsesByItself } from '../node/plain-socket.js'

/**
 * Whether the application keeps something with an HTTP/1 connection that another process would not have:
 *
 * - a property of its own on the socket, or a listener of 'data', 'readable' or 'end'
 * - something reads before the HTTP parser: a wrapper for the PROXY protocol, or one that detects the protocol
 * - a request has authenticated the whole connection (NTLM)
 *
 * A set of sockets, and a listener of 'close' or 'timeout', are bookkeeping: the other process emits 'connection', too.
 * State in a map of the application cannot be seen: see `Service.pin()` and `Service.move()`.
 *
 * The last answer is used again until the next request, unless `again`: to look at all properties takes some
 * microseconds, and a drain asks often.
 */
export function hasApplicationState(connection: Connection, again: boolean): boolean {
  if (!again && statelessAt.get(connection) === connection.requests) return false
  const found = look(connection)
  if (found) statelessAt.delete(connection)
  else statelessAt.set(connection, connection.requests)
  return found
}

/** How many requests a connection had when it was found without state. */
const statelessAt = new WeakMap<Connection, number>()

function look({ aside, server, socket, stateful }: Connection): boolean {
  if (stateful || !parsesByItself(server)) return true
  // The server has not got it yet.
  if (aside) return false
  return !isReadByParserAlone(socket) || hasListeners(socket) || hasProperties(socket)
}

/** Those of Node, and for 'end' the one in `connections/connections.ts`. */
const usual = { data: 1, readable: 0, end: 3 }

const hasListeners = (socket: net.Socket): boolean =>
  Object.entries(usual).some(([event, count]) => socket.listenerCount(event) > count)

function hasProperties(socket: net.Socket): boolean {
  return foreignKeys(socket).some((key) => {
    const property = Object.getOwnPropertyDescriptor(socket, key)
    if (property === undefined || bookkeeping.has(key)) return false
    return property.get !== undefined || !isNothing(property.value)
  })
}

const isNothing = (value: unknown): boolean => value === undefined || value === null || value === false

/** Whether a request is in flight, and numbers: @hapi/hapi, http-shutdown, http-graceful-shutdown. */
const bookkeeping = new Set<PropertyKey>(['_isHapiProcessing', '_isIdle', '_connectionId'])
