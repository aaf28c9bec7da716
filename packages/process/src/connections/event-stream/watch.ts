import { ServerResponse } from 'node:http'
import { EventStream } from './event-stream.js'

const streams = new WeakMap<object, EventStream>()

/** The event stream of a response. Undefined if it is not one, or if its header has not been written. */
export const eventStreamOf = (response: object | undefined): EventStream | undefined =>
  response === undefined ? undefined : streams.get(response)

type Method = (this: ServerResponse, ...args: unknown[]) => unknown

/**
 * Calls `found` with each response that has `Content-Type: text/event-stream`, when its header is written. Returns
 * a function that stops this.
 *
 * The prototype is patched instead of each response. A service without event streams only pays for one header lookup
 * per response.
 */
export function watchEventStreams(found: (response: ServerResponse) => void): () => void {
  const prototype = ServerResponse.prototype
  const original = {
    writeHead: Reflect.get(prototype, 'writeHead'),
    write: Reflect.get(prototype, 'write'),
  } as {
    writeHead: Method
    write: Method
  }
  const inherited = Object.hasOwn(prototype, 'write') ? original.write : undefined
  let active = true

  const writeHead: Method = function (...args) {
    const before = this.headersSent
    const result = original.writeHead.apply(this, args)
    if (active && !before && !streams.has(this) && isEventStream(this, args)) {
      streams.set(this, new EventStream(this))
      found(this)
    }
    return result
  }
  // A first write() that writes the header by itself would start before the stream can be intercepted.
  const write: Method = function (...args) {
    if (!active || this.headersSent || !isEventStream(this, [])) return original.write.apply(this, args)
    this.writeHead(this.statusCode)
    return Reflect.apply(Reflect.get(this, 'write') as Method, this, args)
  }
  Reflect.set(prototype, 'writeHead', writeHead)
  Reflect.set(prototype, 'write', write)
  return () => {
    active = false
    if (Reflect.get(prototype, 'writeHead') === writeHead)
      Reflect.set(prototype, 'writeHead', original.writeHead)
    if (Reflect.get(prototype, 'write') !== write) return
    if (inherited === undefined) Reflect.deleteProperty(prototype, 'write')
    else Reflect.set(prototype, 'write', inherited)
  }
}

/**
 * Not with a Content-Length, as one more line would break such a body. With a content coding only if the application
 * writes text all the same, through a `write` that middleware has put in place.
 */
function isEventStream(response: ServerResponse, args: unknown[]): boolean {
  const header = (name: string) => {
    const value = argument(args, name) ?? response.getHeader(name)
    return typeof value === 'string' || typeof value === 'number' ? String(value).toLowerCase() : ''
  }
  if (!header('content-type').startsWith('text/event-stream') || response.statusCode !== 200) return false
  if (header('content-length') !== '') return false
  return !codings.test(header('content-encoding')) || Object.hasOwn(response, 'write')
}

/** Those of the IANA registry. Frameworks also say `none`, so that nothing compresses the events. */
const codings = /\b(x-)?(gzip|compress)\b|\b(deflate|br|zstd|dcb|dcz|exi|aes128gcm|pack200-gzip)\b/

/** A header in the arguments of writeHead(status[, reason][, headers]), in any of the forms that it accepts. */
function argument(args: unknown[], name: string): unknown {
  const headers = args.at(-1)
  if (typeof headers !== 'object' || headers === null) return undefined
  const pairs = Array.isArray(headers)
    ? Array.isArray(headers[0])
      ? (headers as unknown[][])
      : headers.flatMap((key, at) => (at % 2 === 0 ? [[key, headers[at + 1]]] : []))
    : Object.entries(headers)
  return pairs.find(([key]) => String(key).toLowerCase() === name)?.[1]
}
