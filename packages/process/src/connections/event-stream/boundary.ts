/** Detects whether the text/event-stream written so far ends between two events. */
export class EventBoundary {
  /** The last characters: a blank line is at most two CRLFs. */
  #tail = '\n\n'

  /** True before the first event, and after the blank line that ends one. */
  get reached(): boolean {
    return blankLine.test(this.#tail)
  }

  push(chunk: Uint8Array): void {
    this.#tail = (this.#tail + Buffer.from(chunk.slice(-4)).toString('latin1')).slice(-4)
  }
}

/** HTML, 9.2.5: a line ends with CRLF, LF or CR. A CR before an LF is part of CRLF. */
const blankLine = /(\r\n|\n|\r(?!\n))(\r\n|\n|\r)$/
