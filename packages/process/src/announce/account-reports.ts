/** Tells the account soon after it has changed, and once for all that changes within a second. */
export class AccountReports {
  readonly #report: () => void
  #timer: NodeJS.Timeout | null = null
  #stopped = false

  constructor(report: () => void) {
    this.#report = report
  }

  changed(): void {
    if (this.#timer !== null || this.#stopped) return
    this.#timer = setTimeout(() => {
      this.#timer = null
      this.#report()
    }, intervalMs).unref()
  }

  stop(): void {
    this.#stopped = true
    if (this.#timer !== null) clearTimeout(this.#timer)
  }
}

const intervalMs = 1000
