import type { Announcer } from './announcer.js'
import type { Environment } from '../protocol/environment.js'
import type { InstanceMessage } from '../protocol/messages.js'

/**
 * Reports to systemd, or another service manager that sets NOTIFY_SOCKET, by sd_notify(3), one datagram after the
 * other. The first failure becomes a process warning. It does not affect the service.
 */
export function serviceManagerAnnouncer(path: string, environment: Environment): Announcer {
  const { send, flush } = datagramQueue(path)
  const { sign, start, stop } = watchdog(environment, send)
  let isMain = true
  const sendIfMain = (state: Lines, fd?: number): void => {
    if (isMain) send(state, fd)
  }
  // Keep-alive pings of a successor that has not taken over would hide that its predecessor hangs.
  if (environment.HANDOVER_PREDECESSOR === undefined) start()

  return {
    say(message) {
      const state = notifyState(message, sign)
      if (state !== null) sendIfMain(state)
    },
    reloading: () => sendIfMain({ RELOADING: 1, MONOTONIC_USEC: monotonicMicroseconds() }),
    reloaded: (error) => sendIfMain({ READY: 1, ...(error === undefined ? {} : failureState(error)) }),
    stopping: (timeoutMs) => sendIfMain(drainState(timeoutMs)),
    failed: (error) => sendIfMain(failureState(error)),
    // FDPOLL=0: without it, systemd drops the listener at an error or hang-up that epoll(7) reports (systemd 246).
    keep: (name, fd) => sendIfMain({ FDSTORE: 1, FDNAME: name, FDPOLL: 0 }, fd),
    forget: (name) => sendIfMain({ FDSTOREREMOVE: 1, FDNAME: name }),
    handedOver() {
      isMain = false
      return stop
    },
    tookOver(ready) {
      start()
      sendIfMain(takeoverState(ready, sign))
    },
    flush,
    close() {
      if (isMain) stop()
    },
  }
}

/** Sends one datagram after the other. The first failure becomes a process warning. */
function datagramQueue(path: string): { send: Send; flush: () => Promise<void> } {
  let last: Promise<void> = Promise.resolve()
  let warned = false
  return {
    send(state, fd) {
      const lines = Object.entries(state).map(
        ([name, value]) => `${name}=${String(value).replaceAll('\n', ' ')}`,
      )
      last = last.then(async () => {
        const { notify } = await import('./notify.js')
        const failure = await notify(path, lines.join('\n'), fd)
        if (failure === null || warned) return
        warned = true
        process.emitWarning(failure, 'HandoverWarning')
      })
    },
    flush: () => last,
  }
}

/** A timer sends the pings, so they stop when the event loop hangs. Does nothing without a watchdog. */
function watchdog(environment: Environment, send: Send): Watchdog {
  const intervalMs = watchdogInterval(environment)
  if (intervalMs === null) return { sign: null, start: () => {}, stop: () => {} }
  const sign = { WATCHDOG: 1 }
  let timer: NodeJS.Timeout | undefined
  return {
    sign,
    start: () => void (timer = setInterval(() => send(sign), intervalMs).unref()),
    stop: () => clearInterval(timer),
  }
}

interface Watchdog {
  sign: Lines | null
  start: () => void
  stop: () => void
}

type Send = (state: Lines, fd?: number) => void
type Lines = Record<string, string | number>

/**
 * Null for messages that sd_notify(3) has no variable for. STOPPING=1 is sent by `stopping`. A program sends a
 * keep-alive ping before it is replaced and when it is ready, so that the next one has the whole period to start.
 */
function notifyState(message: InstanceMessage, sign: Lines | null): Lines | null {
  if (message.type === 'ready') return { READY: 1, ...sign }
  if (message.type === 'executing') return sign
  return message.type === 'status' ? { STATUS: message.text } : null
}

/** A second longer than the drain: its deadline is enforced here, not by the service manager. */
function drainState(timeoutMs: number): Lines {
  const timeout = Math.ceil(timeoutMs + 1000) * 1000
  return { STOPPING: 1, STATUS: 'Draining', EXTEND_TIMEOUT_USEC: timeout }
}

/**
 * One datagram: systemd would ignore the READY=1 of a process that is not the main one yet. With a keep-alive ping: when
 * upgrades follow each other quickly, no process may live for a whole interval.
 */
function takeoverState(ready: boolean, sign: Lines | null): Lines {
  return { MAINPID: process.pid, ...(ready ? { READY: 1 } : {}), ...sign }
}

/** A system error's `errno` is negative in Node. */
function failureState(error: unknown): Lines {
  const { message, errno } = error as Partial<NodeJS.ErrnoException>
  const number: Lines = typeof errno === 'number' && errno !== 0 ? { ERRNO: Math.abs(errno) } : {}
  return { STATUS: message ?? String(error), ...number }
}

/** CLOCK_MONOTONIC: systemd compares it with the time at which it asked for the reload (sd_notify(3)). */
const monotonicMicroseconds = (): string => String(process.hrtime.bigint() / 1000n)

/**
 * Milliseconds between two keep-alive pings: half the period, as sd_watchdog_enabled(3) recommends. Null if no watchdog
 * is set for this process. A predecessor starts its successor without WATCHDOG_PID, which would not match.
 */
function watchdogInterval({ WATCHDOG_USEC: period, WATCHDOG_PID: meant }: Environment): number | null {
  if (period === undefined || (meant !== undefined && meant !== String(process.pid))) return null
  if (/^[1-9]\d{0,15}$/.test(period)) return Number(period) / 2000
  process.emitWarning(`WATCHDOG_USEC is "${period}", wanted a number of microseconds`, 'HandoverWarning')
  return null
}
