import type { Timeline } from './timeline.js'

/** Bounds the memory where a "version" turns out to be different in every answer. */
const maxVersions = 10_000

export interface VersionFigure {
  version: string
  /** The last upgrade that had begun when it was first seen; 0: it was there before. */
  firstSeenInUpgrade: number
  answers: number
}

/**
 * Which versions answered, and which of them are old. Versions have no order of their own; a version is old for
 * upgrade n if it was seen before upgrade n began. Example: `a` is seen, upgrade 1 begins, `a` and `b` are seen,
 * upgrade 1 is done: an `a` on a connection opened from now on is stale.
 */
export class Versions {
  readonly #seen = new Map<string, VersionFigure>()
  readonly #timeline: Timeline

  constructor(timeline: Timeline) {
    this.#timeline = timeline
  }

  see(version: string): VersionFigure {
    const known = this.#seen.get(version)
    if (known !== undefined) return known
    const figure = { version, firstSeenInUpgrade: this.#timeline.started, answers: 0 }
    if (this.#seen.size < maxVersions) this.#seen.set(version, figure)
    return figure
  }

  /** Counts an answer; tells whether it is stale on a connection opened when `doneAtOpening` was the last upgrade done. */
  answer(version: string, doneAtOpening: number): boolean {
    const figure = this.see(version)
    figure.answers++
    return figure.firstSeenInUpgrade < doneAtOpening
  }

  figures(): VersionFigure[] {
    return [...this.#seen.values()].map((figure) => ({ ...figure }))
  }
}
