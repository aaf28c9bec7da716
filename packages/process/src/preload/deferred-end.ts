import { syncBuiltinESMExports } from 'node:module'
import { constants } from 'node:os'

/**
 * Holds back how a handler of the application ends the process, while requests are in flight: `process.exit()`, or a
 * signal to itself. The first of them is done by `release()`.
 *
 * Both functions are replaced from the start, because an application may keep a reference: `const { exit } = process`.
 */
export class DeferredEnd {
  readonly #signals: readonly NodeJS.Signals[]
  readonly #restore: () => void
  #holding = false
  #holds: () => boolean = () => false
  #end: (() => void) | null = null

  constructor(signals: readonly NodeJS.Signals[]) {
    this.#signals = signals
    const exit = Reflect.get(process, 'exit') as Exit
    const kill: Kill = Reflect.get(process, 'kill')
    const replaced = {
      exit: (...args: unknown[]) => {
        // `exit()` keeps `process.exitCode`, and `exit(undefined)` does not.
        const end = () => exit.apply(process, args)
        if (this.#holding && (this.#end !== null || this.#holds())) this.#end ??= end
        else end()
      },
      kill: (pid: number, signal?: string | number): true => {
        if (!this.#holding || pid !== process.pid || !this.#ends(signal))
          return kill.call(process, pid, signal)
        this.#end ??= () => kill.call(process, pid, signal)
        return true
      },
    }
    Object.assign(process, replaced)
    syncBuiltinESMExports()
    this.#restore = () => {
      if (Reflect.get(process, 'exit') === replaced.exit) Reflect.set(process, 'exit', exit)
      if (Reflect.get(process, 'kill') === replaced.kill) Reflect.set(process, 'kill', kill)
      syncBuiltinESMExports()
    }
  }

  /** Signals wait for `release()`, and `exit()` waits while `holds` returns true. */
  hold(holds: () => boolean): void {
    this.#holding = true
    this.#holds = holds
  }

  /** Ends the process if that was held back. */
  release(): void {
    this.drop()
    this.#end?.()
  }

  /** Holds nothing back any more, and forgets what was. */
  drop(): void {
    this.#holding = false
  }

  /** Gives the process its own functions back. */
  restore(): void {
    this.drop()
    this.#restore()
  }

  /** Whether the signal ends the process, or asks it to end. */
  #ends(signal: string | number = 'SIGTERM'): boolean {
    const name = typeof signal === 'string' ? signal : nameOf(signal)
    if (name === undefined || harmless.has(name)) return false
    return this.#signals.some((own) => own === name) || process.listenerCount(name) === 0
  }
}

type Exit = (...args: unknown[]) => void
type Kill = (pid: number, signal?: string | number) => true

const nameOf = (number: number): string | undefined =>
  Object.entries(constants.signals).find(([, value]) => value === number)?.[0]

/** Their default action does not end a Node process. */
export const harmless = new Set<string>([
  ...['SIGCHLD', 'SIGCONT', 'SIGURG', 'SIGWINCH', 'SIGPIPE', 'SIGUSR1'],
  ...['SIGSTOP', 'SIGTSTP', 'SIGTTIN', 'SIGTTOU'],
])
