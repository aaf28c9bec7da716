import type { ServiceManager } from '../systemd/manager/index.js'
import type { Engine } from '../engine/index.js'
import type { Phase } from './announcement.js'
import { phaseOf, statusSentence } from './announcement.js'

/**
 * Tells the service manager how the services are, from now until the returned function is called. Every rollout
 * is a reload to it, whoever asked for it. `failed`: a service could not be started; called at most once.
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
    // At once, before the listeners of what has stopped are closed.
    if (event.type === 'ServiceStopping') look()
    if (!due) queueMicrotask(look) // the state in which the loop comes to rest
    due = true
    statusTimer ??= setTimeout(tellStatus, statusEveryMs).unref()
  })
  const extending = setInterval(() => {
    if (takesTime(phase)) manager.notify(extension)
  }, extendEveryMs).unref()
  const stopWatchdog = manager.startWatchdog()
  /** ReloadSignal= of a unit with Type=notify-reload, whose ExecReload= asks for the rollout itself. */
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
      // CLOCK_MONOTONIC, which systemd compares with when it asked (sd_notify(3)).
      return { RELOADING: 1, MONOTONIC_USEC: String(process.hrtime.bigint() / 1000n) }
    case 'stopping':
      return { STOPPING: 1 }
    case 'starting':
    case 'failed':
      return {}
  }
}

/** None of them lasts for ever: progressDeadlineSeconds and the grace periods end them. */
const takesTime = (phase: Phase): boolean =>
  phase === 'starting' || phase === 'reloading' || phase === 'stopping'

/** Said anew long before it is over, so that a loop that hangs is not waited for. */
const extension = { EXTEND_TIMEOUT_USEC: 15_000_000 }
const extendEveryMs = 5000
const statusEveryMs = 1000
