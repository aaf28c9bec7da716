/** The head of a response, and how its body ends. */
export interface ResponseHead {
  status: number
  /** By name in lower case. Repeated fields are joined by `, ` (RFC 9110, 5.3). */
  headers: ReadonlyMap<string, string>
  /** Whether the server keeps the connection open after this answer (RFC 9112, 9.3). */
  persistent: boolean
}

/** How the end of the body is found (RFC 9112, 6.3). With `close`, the body lasts until the connection ends. */
export type Framing =
  { type: 'none' } | { type: 'length'; length: number } | { type: 'chunked' } | { type: 'close' }

/** Says in one sentence what is wrong with the bytes. */
export interface Malformed {
  malformed: string
}

const statusLine = /^HTTP\/1\.([01]) ([1-5][0-9]{2})(?: [\t\x20-\x7e\x80-\xff]*)?$/
// RFC 9110, 5.1 and 5.5: a token, a colon, a value without control characters. No folded lines.
const fieldLine =
  /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*((?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)[ \t]*$/

/** Parses a status line and its fields, without the empty line that ends them. */
export function parseHead(text: string): ResponseHead | Malformed {
  const lines = text.split('\r\n')
  const status = statusLine.exec(lines[0] ?? '')
  if (status === null) return { malformed: `the status line is ${quote(lines[0] ?? '')}` }
  const headers = new Map<string, string>()
  for (let i = 1; i < lines.length; i++) {
    const field = fieldLine.exec(lines[i] ?? '')
    if (field === null) return { malformed: `a header line is ${quote(lines[i] ?? '')}` }
    const name = (field[1] ?? '').toLowerCase()
    const before = headers.get(name)
    headers.set(name, before === undefined ? (field[2] ?? '') : `${before}, ${field[2] ?? ''}`)
  }
  return { status: Number(status[2]), headers, persistent: isPersistent(status[1] === '1', headers) }
}

/** How the body of an answer to a request by `method` ends. */
export function framingOf(head: ResponseHead, method: string): Framing | Malformed {
  if (method === 'HEAD' || head.status === 204 || head.status === 304) return { type: 'none' }
  const encoding = head.headers.get('transfer-encoding')
  const length = head.headers.get('content-length')
  if (encoding !== undefined) {
    // RFC 9112, 6.3: a message with both may be an attempt at smuggling, and ought to be handled as an error.
    if (length !== undefined) return { malformed: 'it has both transfer-encoding and content-length' }
    return tokens(encoding).at(-1) === 'chunked' ? { type: 'chunked' } : { type: 'close' }
  }
  if (length === undefined) return { type: 'close' }
  const values = new Set(length.split(',').map((value) => value.trim()))
  const [only = ''] = values
  if (values.size !== 1 || !/^[0-9]{1,15}$/.test(only))
    return { malformed: `content-length is ${quote(length)}` }
  return { type: 'length', length: Number(only) }
}

/** At most 60 characters of a text, in quotes, with control characters made visible. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)
}

function isPersistent(http11: boolean, headers: ReadonlyMap<string, string>): boolean {
  const field = headers.get('connection')
  if (field === undefined) return http11
  const options = tokens(field)
  return !options.includes('close') && (http11 || options.includes('keep-alive'))
}

const tokens = (field: string) => field.split(',').map((token) => token.trim().toLowerCase())
