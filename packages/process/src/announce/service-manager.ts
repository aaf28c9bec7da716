import type { Announcer } from './announcer.js'
import type { Environment } from '../protocol/environment.js'
import type { InstanceMessage } from '../protocol/messages.js'

/**
 * systemd, or whoever else gave us a NOTIFY_SOCKET, is told what becomes of us in the words of sd_notify(3), one
 * datagram after the other. What cannot be said becomes one process warning; the service goes on.
 */
export function toServiceManager(path: string, environment: Environment): Announcer {
  let last: Promise<void> = Promise.resolve()
  let warned = false
  let ours = true

  const send = (state: Lines, fd?: number): void => {
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
  }
  const tell = (state: Lines, fd?: number): void => {
    if (ours) send(state, fd)
  }
  const intervalMs = watchdogInterval(environment)
  const sign: Lines | null = intervalMs === null ? null : { WATCHDOG: 1 }
  const giveSigns = () =>
    intervalMs === null ? undefined : setInterval(() => send({ WATCHDOG: 1 }), intervalMs).unref()
  // A candidate's would keep a predecessor that hangs.
  let signs = environment.HANDOVER_PREDECESSOR === undefined ? giveSigns() : undefined

  return {
    say(message) {
      const state = notifyState(message, sign)
      if (state !== null) tell(state)
    },
    reloading: () => tell({ RELOADING: 1, MONOTONIC_USEC: monotonicMicroseconds() }),
    reloaded: (error) => tell({ READY: 1, ...(error === undefined ? {} : failureState(error)) }),
    // A moment more than the drain may take: what ends it at its deadline is the library itself.
    stopping: (timeoutMs) =>
      tell({ STOPPING: 1, STATUS: 'Draining', EXTEND_TIMEOUT_USEC: Math.ceil(timeoutMs + 1000) * 1000 }),
    failed: (error) => tell(failureState(error)),
    // FDPOLL=0: it is not to be dropped for an error or a hang-up that epoll(7) reports (systemd 246).
    keep: (name, fd) => tell({ FDSTORE: 1, FDNAME: name, FDPOLL: 0 }, fd),
    forget: (name) => tell({ FDSTOREREMOVE: 1, FDNAME: name }),
    handedOver() {
      ours = false
      return () => clearInterval(signs)
    },
    // One datagram: a READY=1 of a process that is not the main one yet would be another's. With a sign of life:
    // in upgrades that follow each other fast, nobody may live for as long as the interval.
    tookOver(ready) {
      signs = giveSigns()
      tell({ MAINPID: process.pid, ...(ready ? { READY: 1 } : {}), ...sign })
    },
    flush: () => last,
    close() {
      if (ours) clearInterval(signs)
    },
  }
}

type Lines = Record<string, string | number>

/**
 * What sd_notify(3) has a word for. STOPPING=1 was said when the drain began. A program that is replaced ends
 * with a sign of life and the next one begins with one, so that it has the whole period to start.
 */
function notifyState(message: InstanceMessage, sign: Lines | null): Lines | null {
  if (message.type === 'ready') return { READY: 1, ...sign }
  if (message.type === 'executing') return sign
  return message.type === 'status' ? { STATUS: message.text } : null
}

/** A system error's `errno` is negative in Node. */
function failureState(error: unknown): Lines {
  const { message, errno } = error as Partial<NodeJS.ErrnoException>
  const number: Lines = typeof errno === 'number' && errno !== 0 ? { ERRNO: Math.abs(errno) } : {}
  return { STATUS: message ?? String(error), ...number }
}

/** CLOCK_MONOTONIC, as systemd compares it with the moment at which it asked for the reload. */
const monotonicMicroseconds = (): string => String(process.hrtime.bigint() / 1000n)

/**
 * Milliseconds between two signs of life: half the period, as sd_watchdog_enabled(3) recommends. They come from the
 * event loop, so one that hangs is seen. Null: nobody waits for them. WATCHDOG_PID says who is meant; a successor
 * that it does not name yet is meant as well, so whoever starts one leaves it out.
 */
function watchdogInterval({ WATCHDOG_USEC: period, WATCHDOG_PID: meant }: Environment): number | null {
  if (period === undefined || (meant !== undefined && meant !== String(process.pid))) return null
  if (/^[1-9]\d{0,15}$/.test(period)) return Number(period) / 2000
  process.emitWarning(
    `WATCHDOG_USEC is "${period}", a number of microseconds was expected`,
    'HandoverWarning',
  )
  return null
}
