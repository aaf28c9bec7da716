import type { Expected } from './answer.js'
import { describeTarget, type LoadOptions } from './options.js'

/** One request as a workload wants it; the same plan may be sent many times, each time with an id of its own. */
export interface RequestPlan {
  method: 'GET' | 'POST'
  path: string
  expected: Expected
  /** Whether the answer is expected to carry the id that the request carried. */
  echoesId: boolean
  /** Whether it asks for the end of the connection. */
  close: boolean
  body?: Buffer
}

/** The bytes of a request, up to its id and from there on: everything that repeats is made once. */
export interface RequestTemplate {
  plan: RequestPlan
  encode(id: string): string
}

export function requestTemplate(options: LoadOptions, plan: RequestPlan): RequestTemplate {
  const fields = new Map([
    ['host', `Host: ${'path' in options.target ? 'localhost' : describeTarget(options.target)}`],
  ])
  for (const [name, value] of Object.entries(options.headers ?? {}))
    fields.set(name.toLowerCase(), `${name}: ${value}`)
  if (plan.close) fields.set('connection', 'Connection: close')
  if (plan.body) fields.set('content-length', `Content-Length: ${plan.body.length}`)
  const before = `${plan.method} ${plan.path} HTTP/1.1\r\n${[...fields.values()].join('\r\n')}\r\nX-Request-Id: `
  return { plan, encode: (id) => `${before}${id}\r\n\r\n` }
}

/** Appends a query parameter to a path that may have a query already. */
export function withQuery(path: string, name: string, value: number): string {
  return `${path}${path.includes('?') ? '&' : '?'}${name}=${value}`
}

/** `bytes` bytes that differ from place to place, so that a piece in the wrong place shows. */
export function uploadBody(bytes: number): Buffer {
  const body = Buffer.alloc(bytes)
  for (let i = 0; i < bytes; i++) body[i] = 97 + ((i + Math.floor(i / 26)) % 26)
  return body
}
