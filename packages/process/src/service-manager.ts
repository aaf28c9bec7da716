import type { Announcer } from './announcer.js'
import type { Environment } from './environment.js'
import type { InstanceMessage } from './protocol.js'

/**
 * systemd, or whoever else gave us a NOTIFY_SOCKET, is told what becomes of us in the words of sd_notify(3), one
 * datagram after the other. What cannot be said becomes one process warning; the service goes on.
 */
export function toServiceManager(path: string, environment: Environment): Announcer {
  let last: Promise<void> = Promise.resolve()
  let warned = false
  let ours = true

  const tell = (state: Lines, fd?: number): void => {
    if (!ours) return
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
  const watchdog = startWatchdog(environment, () => tell({ WATCHDOG: 1 }))

  return {
    say(message) {
      const state = notifyState(message)
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
      clearInterval(watchdog)
      ours = false
    },
    // One datagram: a READY=1 of a process that is not the main one yet would be another's.
    tookOver: (ready) => tell({ MAINPID: process.pid, ...(ready ? { READY: 1 } : {}) }),
    flush: () => last,
    close: () => clearInterval(watchdog),
  }
}

type Lines = Record<string, string | number>

/** What sd_notify(3) has a word for. STOPPING=1 was said when the drain began. */
function notifyState(message: InstanceMessage): Lines | null {
  if (message.type === 'ready') return { READY: 1 }
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
 * A sign of life at half the interval, as sd_watchdog_enabled(3) recommends, from the event loop: one that
 * hangs is seen. WATCHDOG_PID says who is meant; a successor that it does not name yet is meant as well, so
 * whoever starts one leaves it out.
 */
function startWatchdog(
  { WATCHDOG_USEC: period, WATCHDOG_PID: meant }: Environment,
  alive: () => void,
): NodeJS.Timeout | undefined {
  if (period === undefined || (meant !== undefined && meant !== String(process.pid))) return undefined
  if (!/^[1-9]\d{0,15}$/.test(period)) {
    process.emitWarning(
      `WATCHDOG_USEC is "${period}", a number of microseconds was expected`,
      'HandoverWarning',
    )
    return undefined
  }
  return setInterval(alive, Number(period) / 2000).unref()
}
