import type { InstanceMessage } from '@handover/process/protocol'
import type { ProcessObserver } from '../../ports.js'
import type { ListenerWatch } from './listener-watch.js'
import { watchListeners } from './listener-watch.js'
import type { NotifyMessage } from './notify-message.js'
import type { Speakers } from './speakers.js'
import { speakers } from './speakers.js'
import { openWatchdog } from './watchdog.js'

/**
 * What an instance tells, by whichever way, as the observer wants to hear it: each fact once.
 *
 * That it accepts no longer is told, once it was asked to drain, by whatever is known first:
 * - with the library: its processes say so, and nothing else counts;
 * - without: no process of its group holds a listener any more; STOPPING=1 is a reason to look at once;
 * - without listeners there is nothing to look at: STOPPING=1 counts;
 * - in any case: it exits.
 */
export interface Voice {
  said(connection: object, message: InstanceMessage): void
  left(connection: object): void
  notified(message: NotifyMessage): void
  /** Where connections can be given to it; empty without the library, or where it takes none. */
  adoptionSockets(): string[]
  /** SIGTERM was sent to the leader of this process group. */
  drainAsked(group: number): void
  close(): void
}

type Heard = Omit<ProcessObserver, 'exited'>

export function voice(inodes: ReadonlySet<number>, observer: Heard): Voice {
  const library = speakers()
  let asked = false
  let stopping = false
  let watch: ListenerWatch | null = null
  const watchdog = openWatchdog((reason) => observer.unhealthy(reason))
  const ready = once(() => observer.ready())
  const stoppedAccepting = once(() => {
    watch?.stop()
    observer.stoppedAccepting()
  })
  const tellDrained = once((cut: string[]) => {
    const account = library.account()
    if (account) observer.drained(account, cut)
  })

  /** Looks at all that is known, after each piece of news. */
  const conclude = () => {
    if (asked && hasStopped(library, inodes, stopping)) stoppedAccepting()
    const cut = library.drained()
    if (cut) tellDrained(cut)
  }
  return {
    said(connection, message) {
      library.hear(connection, message)
      if (message.type === 'hello') watch?.stop()
      if (message.type === 'ready') ready()
      if (message.type === 'status') observer.status(message.text)
      const account = 'account' in message && message.type !== 'drained' ? library.account() : null
      if (account) observer.account(account)
      conclude()
    },
    left(connection) {
      library.leave(connection)
      conclude()
    },
    notified(message) {
      watchdog.notified(message)
      if (message.ready) ready()
      if (message.status !== undefined) observer.status(message.status)
      if (message.stopping) {
        stopping = true
        watch?.look()
      }
      conclude()
    },
    adoptionSockets: () => library.adoptionSockets(),
    drainAsked(group) {
      asked = true
      watchdog.stop() // its grace period is all that counts now
      if (!library.any() && inodes.size > 0) watch = watchListeners(group, inodes, stoppedAccepting)
      // In a turn of its own: whoever asks does not expect to be called from within.
      setImmediate(conclude)
    },
    close() {
      watchdog.stop()
      watch?.stop()
    },
  }
}

function hasStopped(library: Speakers, inodes: ReadonlySet<number>, stopping: boolean): boolean {
  if (library.any()) return library.stoppedAccepting()
  return stopping && inodes.size === 0
}

function once<T extends unknown[]>(tell: (...args: T) => void): (...args: T) => void {
  let told = false
  return (...args) => {
    if (told) return
    told = true
    tell(...args)
  }
}
