import net from 'node:net'

/** Own properties that Node gives the socket of an HTTP/1 connection. */
let plainKeys: ReadonlySet<PropertyKey> | null = null

/** What Node adds after the constructor, in http and net. The same in Node 20, 22, 24 and 26. */
const laterKeys = [
  ...['parser', '_httpMessage', '_paused', 'on', 'addListener', 'prependListener', 'setEncoding'],
  ...['_peername', '_sockname', 'domain', 'destroy', 'destroySoon'],
]

/** Functions of this library that replace those of a socket. */
const ours = new WeakSet<object>()

/** Excepts a property with that value from `foreignKeys`. */
export function markAsOurs<T extends object>(value: T): T {
  ours.add(value)
  return value
}

/** Names and symbols of the own properties of `socket` that neither Node nor this library sets. */
export function foreignKeys(socket: net.Socket): PropertyKey[] {
  const plain = (plainKeys ??= keysOfPlainSocket())
  const isOurs = (key: PropertyKey) => {
    const value: unknown = Object.getOwnPropertyDescriptor(socket, key)?.value
    return typeof value === 'function' && ours.has(value)
  }
  return Reflect.ownKeys(socket).filter((key) => !plain.has(key) && !isOurs(key))
}

function keysOfPlainSocket(): ReadonlySet<PropertyKey> {
  // Each of these may set properties that the constructor does not.
  const socket = new net.Socket().setTimeout(0).setNoDelay(true).setKeepAlive(true, 1000)
  return new Set([...Reflect.ownKeys(socket), ...laterKeys])
}

/** Whether `server` gives its connections to Node's HTTP parser itself, with nothing in between. */
export const parsesByItself = (server: net.Server): boolean =>
  server.listeners('connection').some(({ name }) => name === 'connectionListener')

/**
 * Whether the HTTP parser reads from the descriptor directly. Node gives that up for good when something else listens to
 * the bytes of the socket ('data', 'readable').
 */
export const isReadByParserAlone = (socket: net.Socket): boolean =>
  (socket as { parser?: { _consumed?: boolean } | null }).parser?._consumed === true
