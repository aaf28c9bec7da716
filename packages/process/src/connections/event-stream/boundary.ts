/** Detects whether the text/event-stream written so far ends between two events. */
export class EventBoundary {
  /** The last characters: a blank line is at most two CRLFs. */
  #tail = '\n\n'
  /** Whether the first bytes are text, and not compressed. Null before them. */
  #text: boolean | null = null

  /** True before the first event, and after the blank line that ends one. */
  get reached(): boolean {
    return this.#text !== false && blankLine.test(this.#tail)
  }

  push(chunk: Uint8Array): void {
    if (chunk.length > 0) this.#text ??= !binary.test(Buffer.from(chunk.slice(0, 64)).toString('latin1'))
    this.#tail = (this.#tail + Buffer.from(chunk.slice(-4)).toString('latin1')).slice(-4)
  }
}

/** HTML, 9.2.5: a line ends with CRLF, LF or CR. A CR before an LF is part of CRLF. */
const blankLine = /(\r\n|\n|\r(?!\n))(\r\n|\n|\r)$/

/** Control characters that no text has, and every header of gzip. */
// eslint-disable-next-line no-control-regex -- that is what it looks for
const binary = /[\x00-\x08\x0e-\x1f]/
