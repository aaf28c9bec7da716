import type { Timeline } from './timeline.js'

/** Limits the memory if every answer has a different "version". */
const maxVersions = 10_000

export interface VersionFigure {
  version: string
  /** Number of the upgrade during or after which it was first seen. 0 if it was seen before the first upgrade. */
  firstSeenInUpgrade: number
  answers: number
}

/**
 * Which versions answered, and which of them are old. Versions are not numbered, so their order is the one in which
 * they were first seen: a version is old for upgrade n if it was seen before upgrade n began. Example: `a` is seen,
 * upgrade 1 begins, `a` and `b` are seen, upgrade 1 is done. From now on, `a` on a new connection is stale.
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

  /**
   * Counts an answer. Returns whether it is stale. `doneAtOpening`: number of the last upgrade that was done when the
   * connection was opened.
   */
  answer(version: string, doneAtOpening: number): boolean {
    const figure = this.see(version)
    figure.answers++
    return figure.firstSeenInUpgrade < doneAtOpening
  }

  figures(): VersionFigure[] {
    return [...this.#seen.values()].map((figure) => ({ ...figure }))
  }
}
