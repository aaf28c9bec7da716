import { quote, type Malformed } from './head.js'

const maxLine = 16 * 1024
const sizeLine = /^([0-9a-fA-F]{1,12})[ \t]*(?:;.*)?$/

/**
 * A chunked body (RFC 9112, 7.1), read piece by piece:
 *
 *     size ──► data ──► dataEnd ──► size …
 *       └────► trailer ──► done            (after a chunk of size 0)
 */
export class ChunkedBody {
  #state: 'size' | 'data' | 'dataEnd' | 'trailer' | 'done' = 'size'
  #left = 0
  #line = ''

  get done(): boolean {
    return this.#state === 'done'
  }

  /** Reads from index `at`, passes data on, and returns where it stopped: at the end of the bytes or of the body. */
  read(bytes: Buffer, at: number, data: (piece: Buffer) => void): number | Malformed {
    while (at < bytes.length && this.#state !== 'done') {
      if (this.#state === 'data') {
        const piece = bytes.subarray(at, at + this.#left)
        at += piece.length
        this.#left -= piece.length
        data(piece)
        if (this.#left === 0) this.#state = 'dataEnd'
        continue
      }
      const end = bytes.indexOf(0x0a, at)
      this.#line += bytes.toString('latin1', at, end < 0 ? bytes.length : end)
      if (this.#line.length > maxLine) return { malformed: 'a line of the chunked body has no end' }
      if (end < 0) return bytes.length
      at = end + 1
      const malformed = this.#endLine()
      if (malformed !== null) return malformed
    }
    return at
  }

  #endLine(): Malformed | null {
    const line = this.#line.slice(0, -1)
    const bare = !this.#line.endsWith('\r')
    this.#line = ''
    if (bare) return { malformed: 'a line of the chunked body ends without a carriage return' }
    switch (this.#state) {
      case 'size': {
        const size = sizeLine.exec(line)
        if (size === null) return { malformed: `a chunk size is ${quote(line)}` }
        this.#left = Number.parseInt(size[1] ?? '', 16)
        this.#state = this.#left === 0 ? 'trailer' : 'data'
        return null
      }
      case 'dataEnd':
        if (line !== '') return { malformed: `after a chunk stands ${quote(line)}, not an empty line` }
        this.#state = 'size'
        return null
      case 'trailer':
        if (line === '') this.#state = 'done'
        return null
      case 'data':
      case 'done':
        return null
    }
  }
}
