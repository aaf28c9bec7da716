import type { Protocol } from '../load.js'
import { Lost } from '../wire.js'
import type { Wire } from '../wire.js'

/** A request, and what its answer has to be. */
export interface Request {
  path: string
  method?: string
  headers?: string[]
  body?: string
  /** Default 200. */
  status?: number
  /** Of the answer: a text that it is, or what it has to match. */
  answer: string | RegExp
}

export interface Response {
  status: number
  headers: Map<string, string>
  body: string
  /** The connection stays open (RFC 9112, 9.3). */
  persistent: boolean
}

/** HTTP/1.1: each in turn, on new connections and on kept ones. */
export function http(onNew: Request[], onKept = onNew): Protocol {
  const of = (requests: Request[], turn: number) => requests[turn % requests.length]!
  return {
    async whole(wire, turn) {
      await request(wire, of(onNew, turn), 'close')
    },
    async ask(wire, turn) {
      return (await request(wire, of(onKept, turn), 'keep-alive')).persistent
    },
  }
}

/** Sends a request and checks its answer. */
export async function request(wire: Wire, wanted: Request, connection: string): Promise<Response> {
  sendRequest(wire, wanted, connection)
  const response = await readResponse(wire)
  const { status, body } = response
  const { answer, status: wantedStatus = 200 } = wanted
  const right = typeof answer === 'string' ? body === answer : answer.test(body)
  if (status !== wantedStatus || !right)
    throw new Lost('wrong', `${wanted.path} gives ${status} ${JSON.stringify(body.slice(0, 120))}`)
  return response
}

export function sendRequest(
  wire: Wire,
  { path, method = 'GET', headers = [], body = '' }: Request,
  connection: string,
): void {
  const lines = [`${method} ${path} HTTP/1.1`, 'Host: 127.0.0.1', `Connection: ${connection}`, ...headers]
  if (body !== '') lines.push(`Content-Length: ${Buffer.byteLength(body)}`)
  wire.send(`${lines.join('\r\n')}\r\n\r\n${body}`)
}

export async function readResponse(wire: Wire): Promise<Response> {
  const { status, headers, http10 } = await readHead(wire)
  const connection = headers.get('connection')?.toLowerCase()
  const persistent = http10 ? connection === 'keep-alive' : connection !== 'close'
  const length = headers.get('content-length')
  if (headers.get('transfer-encoding') === 'chunked') {
    let body = ''
    for (let chunk = await readChunk(wire); chunk !== null; chunk = await readChunk(wire)) body += chunk
    return { status, headers, body, persistent }
  }
  if (length !== undefined)
    return { status, headers, body: (await wire.take(Number(length))).toString('latin1'), persistent }
  await wire.end()
  return { status, headers, body: wire.unread, persistent: false }
}

export async function readHead(wire: Wire) {
  const [first = '', ...fields] = (await wire.upTo('\r\n\r\n')).split('\r\n')
  const status = /^HTTP\/1\.([01]) (\d{3})/.exec(first)
  if (status === null) throw new Lost('wrong', `the status line is ${JSON.stringify(first)}`)
  const headers = new Map(
    fields.map((field) => {
      const at = field.indexOf(':')
      return [field.slice(0, at).toLowerCase(), field.slice(at + 1).trim()]
    }),
  )
  return { status: Number(status[2]), headers, http10: status[1] === '0' }
}

/** A chunk of a chunked body (RFC 9112, 7.1). Null at its end. */
export async function readChunk(wire: Wire): Promise<string | null> {
  const size = Number.parseInt(await wire.upTo('\r\n'), 16)
  if (Number.isNaN(size)) throw new Lost('wrong', 'a chunk has no size')
  const data = (await wire.take(size + 2)).toString('latin1', 0, size)
  return size === 0 ? null : data
}
