import { constants } from 'node:os'

/**
 * Holds back how a handler of the application ends the process, while requests are in flight: `process.exit()`, or the
 * same signal once more. The first of them is done by `release()`.
 */
export class DeferredEnd {
  readonly #signals: readonly NodeJS.Signals[]
  #holds = false
  #end: (() => void) | null = null
  #restore: () => void = () => {}

  constructor(signals: readonly NodeJS.Signals[]) {
    this.#signals = signals
  }

  hold(): void {
    const exit = Reflect.get(process, 'exit') as Exit
    const kill: Kill = Reflect.get(process, 'kill')
    const heldExit: Exit = (code) => this.#later(() => exit.call(process, code))
    const heldKill: Kill = (pid, signal) => {
      if (!this.#holds || pid !== process.pid || !this.#ends(signal)) return kill.call(process, pid, signal)
      this.#later(() => kill.call(process, pid, signal))
      return true
    }
    this.#holds = true
    Object.assign(process, { exit: heldExit, kill: heldKill })
    this.#restore = () => {
      if (Reflect.get(process, 'exit') === heldExit) Reflect.set(process, 'exit', exit)
      if (Reflect.get(process, 'kill') === heldKill) Reflect.set(process, 'kill', kill)
    }
  }

  /** Ends the process if that was held back. */
  release(): void {
    this.drop()
    this.#end?.()
  }

  /** Holds nothing back any more, and forgets what was. */
  drop(): void {
    this.#holds = false
    this.#restore()
  }

  #later(end: () => void): void {
    if (this.#holds) this.#end ??= end
    else end()
  }

  #ends(signal: string | number = 'SIGTERM'): boolean {
    return this.#signals.some((name) => signal === name || signal === constants.signals[name])
  }
}

type Exit = (code?: number | string | null) => void
type Kill = (pid: number, signal?: string | number) => true
