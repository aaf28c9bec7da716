/** Start and end of an upgrade, in milliseconds since the start of the load. */
export interface UpgradeWindow {
  upgrade: number
  startedMs: number
  /** Null: it is under way. */
  endedMs: number | null
  /** False: it failed or is under way, so answers from old versions are right. */
  done: boolean
}

/** Which upgrades have begun and ended, so that requests and connections can be placed between them. */
export class Timeline {
  readonly windows: UpgradeWindow[] = []
  /** The last upgrade that was begun, and the last that was reported done; 0: none. */
  started = 0
  done = 0

  markStart(upgrade: number, atMs: number): void {
    this.windows.push({ upgrade, startedMs: atMs, endedMs: null, done: false })
    this.started = upgrade
  }

  markEnd(upgrade: number, atMs: number, done: boolean): void {
    const window = this.windows.find((candidate) => candidate.upgrade === upgrade)
    if (window === undefined) throw new Error(`upgrade ${upgrade} was never marked as started`)
    window.endedMs = atMs
    window.done = done
    if (done) this.done = upgrade
  }

  /** Whether an upgrade was under way at any moment since `sinceMs`. */
  upgradedSince(sinceMs: number): boolean {
    const last = this.windows.at(-1)
    return last !== undefined && (last.endedMs === null || last.endedMs >= sinceMs)
  }
}
