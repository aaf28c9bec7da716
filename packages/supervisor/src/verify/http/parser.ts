import { ChunkedBody } from './chunked.js'
import { framingOf, parseHead, quote, type Framing, type Malformed, type ResponseHead } from './head.js'

const maxHead = 64 * 1024
const headEnd = Buffer.from('\r\n\r\n')

/** Gets what the parser finds. A piece of a body is a view of the read buffer: it is invalid after the call. */
export interface ResponseObserver {
  /** The method of the oldest request without an answer. Null if there is no such request. */
  method(): string | null
  head(head: ResponseHead): void
  body(piece: Buffer): void
  complete(): void
}

/**
 * An exact HTTP/1.1 response parser (RFC 9112). It accepts the bytes in pieces of any size, and reports pipelined
 * answers one by one. It is as strict as a proxy, and stricter than a browser: a bare line feed, a folded line or two
 * different lengths are malformed.
 *
 *     head ──► body ──► head …
 *      ▲└─► interim (1xx) ─┐
 *      └───────────────────┘
 */
export class ResponseParser {
  readonly #observer: ResponseObserver
  #headText = ''
  #framing: Framing | null = null
  #left = 0
  #chunked = new ChunkedBody()

  constructor(observer: ResponseObserver) {
    this.#observer = observer
  }

  /** Reads some bytes. Returns what is wrong with them, or null. Do not use the parser after a malformed answer. */
  push(bytes: Buffer): Malformed | null {
    let at = 0
    while (at < bytes.length) {
      const next =
        this.#framing === null ? this.#readHead(bytes, at) : this.#readBody(bytes, at, this.#framing)
      if (typeof next !== 'number') return next
      at = next
    }
    return null
  }

  /** The peer ended the connection. Returns `complete` if that was the end of a body without a length. */
  end(): 'between' | 'complete' | 'truncated' {
    if (this.#framing === null) return this.#headText === '' ? 'between' : 'truncated'
    if (this.#framing.type !== 'close') return 'truncated'
    this.#complete()
    return 'complete'
  }

  /** Whether a part of an answer was read, and its end was not. */
  get midAnswer(): boolean {
    return this.#framing !== null || this.#headText !== ''
  }

  #readHead(bytes: Buffer, at: number): number | Malformed {
    const method = this.#observer.method()
    if (method === null)
      return { malformed: `no request asked for ${quote(bytes.toString('latin1', at, at + 80))}` }
    const seen = this.#headText.length
    // The whole head is almost always in one piece.
    const whole = seen === 0 ? bytes.indexOf(headEnd, at) : -1
    if (whole >= 0)
      return this.#endHead(bytes.toString('latin1', at, whole), method) ?? whole + headEnd.length
    this.#headText += bytes.toString('latin1', at)
    const end = this.#headText.indexOf('\r\n\r\n', Math.max(0, seen - 3))
    if (end < 0) return unfinished(this.#headText) ?? bytes.length
    return this.#endHead(this.#headText.slice(0, end), method) ?? at + end + headEnd.length - seen
  }

  #endHead(text: string, method: string): Malformed | null {
    this.#headText = ''
    const head = parseHead(text)
    if ('malformed' in head) return head
    if (head.status < 200) {
      // Interim answers precede the final one (RFC 9110, 15.2). No request asks to switch protocols.
      return head.status === 101 ? { malformed: 'it switches protocols, which no request asked for' } : null
    }
    const framing = framingOf(head, method)
    if ('malformed' in framing) return framing
    this.#framing = framing
    if (framing.type === 'length') this.#left = framing.length
    if (framing.type === 'chunked') this.#chunked = new ChunkedBody()
    // The end of such a body is the end of the connection, so it cannot be used again.
    this.#observer.head(framing.type === 'close' ? { ...head, persistent: false } : head)
    if (framing.type === 'none' || (framing.type === 'length' && framing.length === 0)) this.#complete()
    return null
  }

  #readBody(bytes: Buffer, at: number, framing: Framing): number | Malformed {
    if (framing.type === 'chunked') {
      const next = this.#chunked.read(bytes, at, (piece) => this.#observer.body(piece))
      if (this.#chunked.done) this.#complete()
      return next
    }
    const piece = bytes.subarray(at, framing.type === 'length' ? at + this.#left : bytes.length)
    this.#left -= piece.length
    this.#observer.body(piece)
    if (framing.type === 'length' && this.#left === 0) this.#complete()
    return at + piece.length
  }

  #complete(): void {
    this.#framing = null
    this.#observer.complete()
  }
}

/** Checks a head that has not ended yet, so that garbage is reported at once and not after a timeout. */
function unfinished(text: string): Malformed | null {
  if (!'HTTP/1.'.startsWith(text.slice(0, 7))) return { malformed: `it begins with ${quote(text)}` }
  if (/(?:^|[^\r])\n/.test(text)) return { malformed: 'a line of the head ends without a carriage return' }
  if (text.length > maxHead) return { malformed: `its head is longer than ${maxHead} bytes` }
  return null
}
