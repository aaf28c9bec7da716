import { exitCodeOf } from '../service/signals.js'
import { passOn } from './npm-launcher.js'

/** What a signal ends. */
interface Drainable {
  drain(reason: string): Promise<unknown>
  /** Milliseconds until the drain's deadline. */
  readonly remainingMs: number
}

/**
 * Runs the drain before the application's own handlers of these signals. Those are written for the moment when no more
 * requests come (`server.close(…)`, `process.exit()`), so they run after the last connection. Without any handler the
 * process exits with 0. If the handlers do not end it, it exits at the drain's deadline.
 *
 * Node binds `process.emit` when the first handler of a signal is added, so the patch must be there before the
 * application runs. It does nothing until `arm()`: SIGTERM ends a process that never listens. As pid 1 it would not:
 * the kernel drops signals without a handler there (pid_namespaces(7)), and a container would be killed only at the end
 * of its grace period. So such a process exits with what a shell reports, 128 + the signal's number.
 */
export function interceptSignals(
  service: Drainable,
  signals: readonly NodeJS.Signals[],
): { arm(): void; leave(): void; restore(): void } {
  const original = Reflect.get(process, 'emit') as (this: NodeJS.Process, ...args: unknown[]) => boolean
  let state: 'disarmed' | 'armed' | 'draining' | 'passing' = 'disarmed'
  // While a signal has a handler, it does not end the process.
  const keepAlive = (signal: NodeJS.Signals) => {
    if (state === 'disarmed' && process.listenerCount(signal) === 1) process.exit(exitCodeOf(signal))
  }

  const drainFirst = async (args: unknown[]) => {
    const signal = args[0] as NodeJS.Signals
    await service.drain(signal)
    state = 'passing'
    const others = process.listeners(signal).filter((listener) => listener !== keepAlive)
    if (others.length === 0) process.exit()
    setTimeout(() => process.exit(), Math.max(service.remainingMs, lastMomentMs)).unref()
    original.apply(process, args)
  }

  const emit = function (this: NodeJS.Process, ...args: unknown[]): boolean {
    const signal = args[0] as NodeJS.Signals
    if (state === 'passing' || !signals.includes(signal)) return original.apply(this, args)
    if (state === 'disarmed') return passOn(signal) || original.apply(this, args)
    if (state === 'armed') {
      state = 'draining'
      void drainFirst(args)
    } else if (signal === 'SIGINT') process.exit(exitCodeOf('SIGINT'))
    return true
  }
  const keep = () => {
    for (const signal of signals) process.off(signal, keepAlive).on(signal, keepAlive)
  }

  process.emit = emit as typeof process.emit
  if (process.pid === 1) keep()
  return {
    arm: () => {
      if (state !== 'disarmed') return
      state = 'armed'
      keep()
    },
    leave: () => void (state === 'armed' && process.emit('SIGTERM', 'SIGTERM')),
    restore: () => {
      state = 'disarmed'
      for (const signal of signals) process.off(signal, keepAlive)
      if ((process.emit as unknown) === emit) Reflect.deleteProperty(process, 'emit')
    },
  }
}

const lastMomentMs = 500
