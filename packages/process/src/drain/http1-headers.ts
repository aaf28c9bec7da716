import type { ServerResponse } from 'node:http'

/** The headers that writeHead accepts: an object, a list of pairs, or a flat list of names and values. */
type Headers = Record<string, unknown> | unknown[]

/**
 * Makes the response say `Connection: close`, whatever the application has set. Takes and returns the arguments of
 * writeHead(status[, reason][, headers]).
 */
export function withConnectionClose(response: ServerResponse, args: unknown[]): unknown[] {
  const last = args.at(-1)
  if (args.length > 1 && typeof last === 'object' && last !== null) {
    return [...args.slice(0, -1), closing(last as Headers)]
  }
  response.setHeader('Connection', 'close')
  return args
}

/** Keeps the form: a list may have a name twice (Set-Cookie), which setHeader or an object would lose. */
function closing(headers: Headers): Headers {
  const other = (name: unknown) => String(name).toLowerCase() !== 'connection'
  if (!Array.isArray(headers)) {
    const kept = Object.entries(headers).filter(([name]) => other(name))
    return { ...Object.fromEntries(kept), Connection: 'close' }
  }
  if (Array.isArray(headers[0])) {
    return [...headers.filter((pair) => other((pair as unknown[])[0])), ['Connection', 'close']]
  }
  return [...headers.filter((_, i) => other(headers[i - (i % 2)])), 'Connection', 'close']
}
