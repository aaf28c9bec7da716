import type { ServiceManager } from '../systemd/manager/index.js'
import type { Engine } from '../engine/index.js'
import type { Phase } from './announcement.js'
import { phaseOf, statusSentence } from './announcement.js'

/**
 * Reports the state of the services to the service manager until the returned function is called. Every rollout is
 * reported as a reload. `failed` is called, at most once, if a service could not be started.
 */
export function announce(manager: ServiceManager, engine: Engine, failed: () => void): () => void {
  let phase: Phase = 'starting'
  let wasReady = false
  let sentence = ''
  let due = false
  let statusTimer: NodeJS.Timeout | null = null
  const states = () => engine.services().map(({ state }) => state)

  function look(): void {
    due = false
    const now = phaseOf(states(), wasReady)
    if (now === phase) return
    phase = now
    if (phase === 'failed') failed()
    wasReady ||= phase === 'ready'
    if (phase === 'stopping') manager.stopping()
    sentence = statusSentence(states())
    manager.notify({ ...assignmentsOf(phase), STATUS: sentence })
    if (takesTime(phase)) manager.notify(extension)
  }

  function tellStatus(): void {
    statusTimer = null
    const now = statusSentence(states())
    if (now !== sentence) manager.notify({ STATUS: (sentence = now) })
  }

  const unsubscribe = engine.subscribe((event) => {
    // At once, before the listeners of stopped services are closed.
    if (event.type === 'ServiceStopping') look()
    if (!due) queueMicrotask(look) // after the loop has handled all events
    due = true
    statusTimer ??= setTimeout(tellStatus, statusEveryMs).unref()
  })
  const extending = setInterval(() => {
    if (takesTime(phase)) manager.notify(extension)
  }, extendEveryMs).unref()
  const stopWatchdog = manager.startWatchdog()
  /** ReloadSignal= of a unit with Type=notify-reload. Its ExecReload= starts the rollout; the signal only needs an answer. */
  const acknowledge = () => {
    if (phase !== 'ready' && phase !== 'reloading') return
    manager.notify(assignmentsOf('reloading'))
    if (phase === 'ready') manager.notify(assignmentsOf('ready'))
  }
  if (manager.present) process.on('SIGCONT', acknowledge)
  look()

  return () => {
    unsubscribe()
    clearInterval(extending)
    if (statusTimer !== null) clearTimeout(statusTimer)
    stopWatchdog()
    process.off('SIGCONT', acknowledge)
  }
}

function assignmentsOf(phase: Phase): Record<string, string | number> {
  switch (phase) {
    case 'ready':
      return { READY: 1 }
    case 'reloading':
      // CLOCK_MONOTONIC, which systemd compares with the time of its request (sd_notify(3)).
      return { RELOADING: 1, MONOTONIC_USEC: String(process.hrtime.bigint() / 1000n) }
    case 'stopping':
      return { STOPPING: 1 }
    case 'starting':
    case 'failed':
      return {}
  }
}

/** These phases extend systemd's timeouts. progressDeadlineSeconds and the grace periods bound them. */
const takesTime = (phase: Phase): boolean =>
  phase === 'starting' || phase === 'reloading' || phase === 'stopping'

/** Sent again long before it expires. If the event loop hangs, systemd's timeout ends the supervisor. */
const extension = { EXTEND_TIMEOUT_USEC: 15_000_000 }
const extendEveryMs = 5000
const statusEveryMs = 1000
