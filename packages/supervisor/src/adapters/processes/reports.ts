import type { InstanceMessage } from '@handover/process/protocol'
import type { ProcessObserver } from '../../ports.js'
import type { ListenerWatch } from './listener-watch.js'
import { watchListeners } from './listener-watch.js'
import type { NotifyMessage } from './notify-message.js'
import type { Speakers } from './library-processes.js'
import { speakers } from './library-processes.js'
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
  hasLibrary(): boolean
  /** Resolves once its library has said all that it has to say on a new connection: that it is ready comes last. */
  readonly introduced: Promise<void>
  /** It was told to replace its program by that revision's; `earlier`: by a supervisor before this one. */
  execAsked(revision: number, earlier?: boolean): void
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
  let ready = once(() => observer.ready())
  /** The revision whose program it was told to become. */
  let awaited: number | null = null
  let introduce = () => {}
  const introduced = new Promise<void>((resolve) => (introduce = resolve))
  let askedEarlier = false
  const execFailed = (message: string, refused: boolean) => {
    if (awaited === null) return
    awaited = null
    observer.execFailed(message, refused)
  }
  /** As its answer to `exec`, or as the first words of the program to come. */
  const hearExec = (message: InstanceMessage) => {
    if (message.type === 'hello' && awaited !== null && message.revision === String(awaited)) {
      awaited = null
      ready = once(() => observer.ready())
      observer.executed()
    }
    if (message.type === 'hello' && askedEarlier)
      execFailed('it has not replaced its program, and the supervisor that told it to is gone', true)
    if (message.type === 'execFailed')
      execFailed(message.message, message.code === 'ERR_HANDOVER_EXEC_UNAVAILABLE')
    if (message.type === 'error' && message.unknown === 'exec')
      execFailed('it cannot replace its program in place: its library is too old', true)
  }
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
      hearExec(message)
      if (message.type === 'hello') watch?.stop()
      if (message.type === 'ready') introduce()
      if (message.type === 'ready' && awaited === null) ready()
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
    hasLibrary: () => library.any(),
    introduced,
    execAsked(revision, earlier = false) {
      awaited = revision
      askedEarlier = earlier
    },
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
