import type { Expected } from './answer.js'
import { describeTarget, type LoadOptions } from './options.js'

/** A request of a workload. It may be sent many times, each time with a different id. */
export interface RequestPlan {
  method: 'GET' | 'POST'
  path: string
  expected: Expected
  /** Whether the answer must have the id of the request. */
  echoesId: boolean
  /** Whether the request has `Connection: close`. */
  close: boolean
  body?: Buffer
}

/** A request encoded in advance, so that only the id has to be inserted. */
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

/** Appends a parameter to a path with or without a query. */
export function withQuery(path: string, name: string, value: number): string {
  return `${path}${path.includes('?') ? '&' : '?'}${name}=${value}`
}

/** `bytes` bytes that vary with their position, so that a piece in the wrong place is detected. */
export function uploadBody(bytes: number): Buffer {
  const body = Buffer.alloc(bytes)
  for (let i = 0; i < bytes; i++) body[i] = 97 + ((i + Math.floor(i / 26)) % 26)
  return body
}
