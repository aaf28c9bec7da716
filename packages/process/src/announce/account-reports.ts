/** Reports the account when it has changed: at most once per second, and a second after the change at the latest. */
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
