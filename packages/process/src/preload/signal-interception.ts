import { passOn } from './npm-launcher.js'
import { exitCodeOf } from '../service/signals.js'
import type { Service } from '../service/service.js'

/**
 * Puts the drain before the application's own handlers of these signals. They are written for the moment when
 * no more requests come: `server.close(…)`, `process.exit()`. So they run when that is true: after the last
 * connection. Without any handler the process exits with 0; with one that does not end it, it is ended when
 * the time of the drain is over.
 *
 * Node binds `process.emit` at the moment that the first handler of a signal is added, so the patch must be
 * there before the application runs. It does nothing until `arm()`: a process that never listens dies of
 * SIGTERM as ever. As pid 1 it would not: the kernel keeps from it what it has no handler for
 * (pid_namespaces(7)), and a container would be killed only when its time is over. There it exits as a shell
 * reports it, 128 + the signal's number.
 */
export function interceptSignals(
  service: Service,
  signals: readonly NodeJS.Signals[],
): { arm(): void; leave(): void; restore(): void } {
  const original = Reflect.get(process, 'emit') as (this: NodeJS.Process, ...args: unknown[]) => boolean
  let state: 'disarmed' | 'armed' | 'draining' | 'passing' = 'disarmed'
  // A signal with a handler does not kill the process.
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
