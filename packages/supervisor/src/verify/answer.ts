import { quote, type ResponseHead } from './http/head.js'
import type { IdentifiedVersion, Identify } from './identify.js'

/** The right answer for one method and path. */
export type Expected =
  /** Any answer with a status of this class, for example 2 for 2xx. Null accepts any status below 500. */
  | { type: 'class'; statusClass: number | null }
  /** This status and these bytes. If `identify` finds the version in the body, that part is not compared. */
  | { type: 'exact'; status: number; body: Buffer }

/** How many bytes of a body are kept, at most, to find the version in them. */
const maxHeld = 64 * 1024

/** The answer to one request as it arrives, compared with the right one. */
export class Answer {
  head: ResponseHead | null = null
  bytes = 0
  version: string | null = null
  readonly #expected: Expected
  readonly #identify: Identify | null
  #held = ''
  #difference: string | null = null

  constructor(expected: Expected, identify: Identify | null) {
    this.#expected = expected
    this.#identify = identify
  }

  begin(head: ResponseHead): void {
    this.head = head
  }

  read(piece: Buffer): void {
    const at = this.bytes
    this.bytes += piece.length
    if (this.#identify?.needsBody === true && this.#held.length < maxHeld) {
      this.#held += piece.toString('latin1', 0, maxHeld - this.#held.length)
    }
    if (this.#expected.type !== 'exact' || this.#difference !== null || this.#comparesText(this.#expected))
      return
    this.#difference = differenceAt(this.#expected.body, at, piece)
  }

  /** Call it when the answer is complete. Sets `version`, and returns what is wrong with the answer, or null. */
  finish(): string | null {
    const { head } = this
    if (head === null) throw new Error('an answer cannot end before its head')
    const identified = this.#identify?.version(head, this.#held) ?? null
    this.version = identified?.version ?? null
    return wrongStatus(this.#expected, head.status) ?? this.#wrongBody(this.#expected, identified)
  }

  #wrongBody(expected: Expected, identified: IdentifiedVersion | null): string | null {
    if (expected.type !== 'exact') return null
    if (this.#comparesText(expected)) return this.#wrongText(expected.body, identified)
    if (this.#difference !== null) return this.#difference
    if (this.bytes === expected.body.length) return null
    return `the body has ${this.bytes} bytes, wanted ${expected.body.length}`
  }

  #wrongText(wanted: Buffer, identified: IdentifiedVersion | null): string | null {
    const text = without(this.#held, identified)
    const before = wanted.toString('latin1')
    const same = without(before, this.head && (this.#identify?.version(this.head, before) ?? null))
    return text === same ? null : `the body is ${quote(this.#held)}, wanted ${quote(before)}`
  }

  /** A body that has the version in it differs between releases. A body that is too long to keep is assumed not to. */
  #comparesText(expected: { body: Buffer }): boolean {
    return this.#identify?.needsBody === true && expected.body.length <= maxHeld
  }
}

function wrongStatus(expected: Expected, status: number): string | null {
  if (expected.type === 'exact') {
    return status === expected.status ? null : `the status is ${status}, wanted ${expected.status}`
  }
  const { statusClass } = expected
  if (statusClass === null) return status < 500 ? null : `the status is ${status}, wanted one below 500`
  return Math.floor(status / 100) === statusClass ? null : `the status is ${status}, wanted ${statusClass}xx`
}

function differenceAt(wanted: Buffer, at: number, piece: Buffer): string | null {
  if (at + piece.length > wanted.length) return `the body is longer, wanted ${wanted.length} bytes`
  if (wanted.compare(piece, 0, piece.length, at, at + piece.length) === 0) return null
  const offset = piece.findIndex((byte, i) => byte !== wanted[at + i])
  const [found, right] = [
    piece.toString('latin1', offset),
    wanted.toString('latin1', at + offset, at + piece.length),
  ]
  return `from byte ${at + offset} on the body is ${quote(found)}, wanted ${quote(right)}`
}

function without(text: string, identified: IdentifiedVersion | null): string {
  const span = identified?.span
  return span === undefined ? text : text.slice(0, span[0]) + text.slice(span[1])
}
