import { claimRole } from '../system/role.js'
import { exitCodeOf } from '../service/signals.js'
import { passOn } from './npm-launcher.js'

/** The process that a signal ends. */
interface Drainable {
  drain(reason: string): Promise<unknown>
  /** Milliseconds until the drain's deadline. */
  readonly remainingMs: number
}

/**
 * Runs the drain before the application's own handlers of these signals. They expect that no more requests arrive
 * (`server.close(…)`, `process.exit()`), so they run after the last connection. Without any handler the
 * process exits with 0. If the handlers do not end it, it exits at the drain's deadline.
 *
 * Node binds `process.emit` when the first handler of a signal is added, so the patch must be there before the
 * application runs. It does nothing until `arm()`: SIGTERM ends a process that never listens. As pid 1 it would not:
 * the kernel drops signals without a handler there (pid_namespaces(7)), and a container would be killed only at the end
 * of its grace period. So such a process exits with what a shell reports, 128 + the signal's number. The same applies to
 * a stop signal that does not end a Node process: SIGUSR1 starts the debugger, the kernel ignores others.
 */
export class SignalInterception {
  readonly #service: Drainable
  readonly #signals: readonly NodeJS.Signals[]
  readonly #isHelper: () => boolean
  readonly #original = Reflect.get(process, 'emit') as Emit
  readonly #patched: Emit
  readonly #handler = (signal: NodeJS.Signals): void => {
    const isOnly = process.listenerCount(signal) === 1
    if (this.#state === 'disarmed' && isOnly) process.exit(exitCodeOf(signal))
  }
  #state: 'disarmed' | 'armed' | 'draining' | 'passing' = 'disarmed'

  /** `isHelper`: whether this process turned out to be a helper of the service, which ends as without the preload. */
  constructor(service: Drainable, signals: readonly NodeJS.Signals[], isHelper: () => boolean) {
    this.#isHelper = isHelper
    this.#service = service
    this.#signals = signals
    const emit = (emitter: NodeJS.Process, args: unknown[]) => this.#emit(emitter, args)
    this.#patched = function (this: NodeJS.Process, ...args) {
      return emit(this, args)
    }
    process.emit = this.#patched as typeof process.emit
    this.#addHandlers(process.pid === 1 ? signals : signals.filter((signal) => withoutEffect.has(signal)))
  }

  /** Called when this process serves: from now on, a signal drains. */
  arm(): void {
    if (this.#state !== 'disarmed') return
    this.#state = 'armed'
    claimRole()
    this.#addHandlers(this.#signals)
  }

  /** Ends this process as SIGTERM does. */
  leave(): void {
    if (this.#state === 'armed') process.emit('SIGTERM', 'SIGTERM')
  }

  restore(): void {
    this.#state = 'disarmed'
    for (const signal of this.#signals) process.off(signal, this.#handler)
    if (Reflect.get(process, 'emit') === this.#patched) Reflect.deleteProperty(process, 'emit')
  }

  #emit(emitter: NodeJS.Process, args: unknown[]): boolean {
    const signal = args[0] as NodeJS.Signals
    if (this.#state === 'passing' || !this.#signals.includes(signal))
      return this.#original.apply(emitter, args)
    if (this.#state !== 'draining' && this.#isHelper()) return this.#leaveTo(emitter, args, signal)
    if (this.#state === 'disarmed') return passOn(signal) || this.#original.apply(emitter, args)
    if (this.#state === 'armed') {
      this.#state = 'draining'
      void this.#drainFirst(signal, args)
    } else if (signal === 'SIGINT') process.exit(exitCodeOf('SIGINT'))
    return true
  }

  /** What happens is what would have happened without the preload: the application's handlers, or the default action. */
  #leaveTo(emitter: NodeJS.Process, args: unknown[], signal: NodeJS.Signals): boolean {
    this.#state = 'passing'
    for (const other of this.#signals) process.off(other, this.#handler)
    if (process.listenerCount(signal) > 0) return this.#original.apply(emitter, args)
    return process.kill(process.pid, signal)
  }

  async #drainFirst(signal: NodeJS.Signals, args: unknown[]): Promise<void> {
    await this.#service.drain(signal)
    this.#state = 'passing'
    const others = process.listeners(signal).filter((listener) => listener !== this.#handler)
    if (others.length === 0) process.exit()
    setTimeout(() => process.exit(), Math.max(this.#service.remainingMs, lastMomentMs)).unref()
    this.#original.apply(process, args)
  }

  /** While a signal has a handler, it does not end the process. */
  #addHandlers(signals: readonly NodeJS.Signals[]): void {
    for (const signal of signals) process.off(signal, this.#handler).on(signal, this.#handler)
  }
}

type Emit = (this: NodeJS.Process, ...args: unknown[]) => boolean

const withoutEffect = new Set<NodeJS.Signals>([
  'SIGUSR1',
  'SIGPIPE',
  'SIGCHLD',
  'SIGCONT',
  'SIGURG',
  'SIGWINCH',
])

const lastMomentMs = 500
