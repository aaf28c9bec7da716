/** Start and end of an upgrade, in milliseconds since the start of the load. */
export interface UpgradeWindow {
  upgrade: number
  startedMs: number
  /** Null while it is under way. */
  endedMs: number | null
  /** Whether it was reported done. Until then, and if it failed, answers from old versions are right. */
  done: boolean
}

/** When each upgrade began and ended: tells which requests and connections were before, during and after it. */
export class Timeline {
  readonly windows: UpgradeWindow[] = []
  /** Number of the last upgrade that has begun. 0 before the first. */
  started = 0
  /** Number of the last upgrade that was reported done. 0 before the first. */
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
