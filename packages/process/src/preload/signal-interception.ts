import { SignalCatch } from '../node/signal-catch.js'
import type { ServiceCore } from '../service/core.js'
import { exitCodeOf } from '../service/signals.js'
import { claimRole } from '../system/role.js'
import { DeferredEnd, harmless } from './deferred-end.js'
import { HeldSockets } from './held-sockets.js'
import { passOn } from './npm-launcher.js'

/** The service that a signal ends. */
type Drainable = Pick<ServiceCore, 'drain' | 'remainingMs' | 'traffic'>

/**
 * Runs the drain before the application's own handlers of these signals:
 *
 *     armed ── signal ──► draining ──────────── drained ───────────► ended: the handlers run, unless they have
 *                            └─ waiting() ─► handling ─ drained ─┘
 *
 * The handlers expect that no more requests arrive (`server.close(…)`, `process.exit()`), so they run after the last
 * connection, or when only requests are left that the application may answer in its handler. Then the end of the
 * process and of these connections is held back. Without any handler the process exits with 0. If the handlers do not end it, it exits at the
 * drain's deadline. The application sees no listener of this class, and a signal that a handler sends again has its
 * default action.
 *
 * Node binds `process.emit` when it begins to catch a signal, so the patch must be there before the application runs.
 * It does nothing until `arm()`: SIGTERM ends a process that never listens. As pid 1 it would not: the kernel drops
 * signals without a handler there (pid_namespaces(7)), and a container would be killed only at the end of its grace
 * period. So such a process exits with what a shell reports, 128 + the signal's number. The same applies to a stop signal
 * that does not end a Node process: SIGUSR1 starts the debugger, the kernel ignores others.
 */
export class SignalInterception {
  readonly #service: Drainable
  readonly #signals: readonly NodeJS.Signals[]
  readonly #original = Reflect.get(process, 'emit') as Emit
  readonly #patched: Emit
  readonly #end: DeferredEnd
  #state: 'disarmed' | 'armed' | 'draining' | 'handling' | 'ended' = 'disarmed'
  readonly #catch = new SignalCatch()
  #told = false
  readonly #taken = new Map<string, () => void>()
  /** Those caught before the process serves. */
  readonly #early: readonly NodeJS.Signals[]
  readonly #isHelper: () => boolean
  /** What the handlers get. By default for a drain that no signal began. */
  #args: unknown[] = ['SIGTERM', 'SIGTERM', 15]

  /** `isHelper`: whether this process turned out to be a helper of the service, which ends as without the preload. */
  constructor(service: Drainable, signals: readonly NodeJS.Signals[], isHelper: () => boolean) {
    this.#isHelper = isHelper
    this.#service = service
    this.#signals = signals
    this.#end = new DeferredEnd(signals)
    service.traffic.closing.closesItself = () => this.#handled() || this.#state === 'handling'
    const emit = (emitter: NodeJS.Process, args: unknown[]) => this.#emit(emitter, args)
    this.#patched = function (this: NodeJS.Process, ...args) {
      return emit(this, args)
    }
    process.emit = this.#patched as typeof process.emit
    this.#early = process.pid === 1 ? signals : signals.filter((signal) => harmless.has(signal))
    this.#catch.add(this.#early)
  }

  /**
   * Calls `action` at this signal in place of the application's own handlers: frameworks handle every signal that they
   * know, and end the process. Returns a function that stops this.
   */
  take(signal: NodeJS.Signals, action: () => void): () => void {
    this.#taken.set(signal, action)
    this.#catch.add([signal])
    return () => {
      this.#taken.delete(signal)
      this.#catch.release([signal])
    }
  }

  /** Called when this process serves: from now on, a signal drains. */
  arm(): void {
    if (this.#state !== 'disarmed') return
    this.#state = 'armed'
    claimRole()
    this.#catch.add(this.#signals)
  }

  /** Ends this process as SIGTERM does. */
  leave(): void {
    if (this.#state === 'armed' || this.#state === 'handling') this.#drain('SIGTERM')
  }

  /** Only requests are left that have waited for long: the handlers run now, and may answer them. */
  waiting(): void {
    if (this.#state !== 'armed' && this.#state !== 'draining') return
    if (!this.#handled()) return
    const { closing, connections } = this.#service.traffic
    this.#state = 'handling'
    this.#end.hold(() => !closing.released)
    closing.releaseOneByOne()
    new HeldSockets(connections).run(() => this.#original.apply(process, this.#args))
  }

  restore(): void {
    this.#state = 'disarmed'
    this.#catch.release(this.#signals)
    this.#end.restore()
    this.#service.traffic.closing.closesItself = () => false
    if (Reflect.get(process, 'emit') === this.#patched) Reflect.deleteProperty(process, 'emit')
  }

  /** Whether this process was told to stop. */
  get isTold(): boolean {
    return this.#told
  }

  #emit(emitter: NodeJS.Process, args: unknown[]): boolean {
    const signal = args[0] as NodeJS.Signals
    const taken = this.#taken.get(signal)
    if (taken !== undefined) {
      taken()
      return true
    }
    if (!this.#signals.includes(signal)) return this.#original.apply(emitter, args)
    this.#told = true
    if ((this.#state === 'disarmed' || this.#state === 'armed') && this.#isHelper())
      return this.#leaveTo(emitter, args, signal)
    if (this.#state === 'disarmed') return passOn(signal) || this.#pass(emitter, args)
    if (this.#state === 'ended') return this.#pass(emitter, args)
    if (this.#state === 'armed') {
      this.#state = 'draining'
      this.#args = args
      this.#drain(signal)
    } else if (signal === 'SIGINT') {
      this.#end.drop()
      process.exit(exitCodeOf('SIGINT'))
    }
    return true
  }

  /** Whether the application has a handler for the signal that began the drain. */
  #handled(): boolean {
    return process.listenerCount(this.#args[0] as string) > 0
  }

  #pass(emitter: NodeJS.Process, args: unknown[]): boolean {
    const handled = this.#original.apply(emitter, args)
    const signal = args[0] as NodeJS.Signals
    if (!handled && this.#catch.has(signal)) process.exit(exitCodeOf(signal))
    return handled
  }

  /** What happens is what would have happened without the preload: the application's handlers, or the default action. */
  #leaveTo(emitter: NodeJS.Process, args: unknown[], signal: NodeJS.Signals): boolean {
    this.#state = 'ended'
    this.#catch.release(this.#signals)
    if (process.listenerCount(signal) > 0) return this.#original.apply(emitter, args)
    return process.kill(process.pid, signal)
  }

  #drain(reason: string): void {
    void this.#service.drain(reason).then(() => this.#finish())
  }

  #finish(): void {
    if (this.#state === 'ended') return
    const handled = this.#state === 'handling'
    this.#state = 'ended'
    this.#catch.release(this.#signals.filter((signal) => !this.#early.includes(signal)))
    if (!handled && !this.#handled()) process.exit()
    const remainingMs = Math.max(this.#service.remainingMs, lastMomentMs)
    setTimeout(() => process.exit(), remainingMs).unref()
    this.#keepAlive(performance.now() + Math.min(remainingMs, listeningMs))
    if (handled) this.#end.release()
    else this.#original.apply(process, this.#args)
  }

  /** A handler may wait for something that keeps no process alive, because its servers do. They are closed already. */
  #keepAlive(until: number): void {
    setTimeout(() => {
      if (this.#service.traffic.closing.leftOpen && performance.now() < until) this.#keepAlive(until)
    }, lookMs)
  }
}

type Emit = (this: NodeJS.Process, ...args: unknown[]) => boolean

const lastMomentMs = 500
/** For how long after the drain a server that the application has not closed keeps the process alive. */
const listeningMs = 5000
const lookMs = 10
