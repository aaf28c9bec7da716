import type { InstanceMessage } from '@handover/process/protocol'
import type { ProcessObserver } from '../../ports.js'
import type { LibraryProcesses } from './library-processes.js'
import { libraryProcesses } from './library-processes.js'
import type { ListenerWatch } from './listener-watch.js'
import { watchListeners } from './listener-watch.js'
import type { NotifyMessage } from './notify-message.js'
import { openWatchdog } from './watchdog.js'

/**
 * Turns the messages of one instance, from its channel and its notify socket, into calls of the observer: each fact
 * is reported once.
 *
 * A draining instance has stopped accepting:
 * - with the library: when all its processes report it;
 * - without: when no process of its group holds a listener any more (STOPPING=1 triggers a check at once);
 * - without the library and without listeners: when it sends STOPPING=1;
 * - with a socket of its own: when that is steered away and empty (outside.ts);
 * - in any case when it exits.
 */
export interface InstanceReports {
  /** `connection`: identifies one process of the instance. */
  channelMessage(connection: object, message: InstanceMessage): void
  channelClosed(connection: object): void
  /** The application could not bind this address. */
  wanted: ProcessObserver['wanted']
  notifyMessage(message: NotifyMessage): void
  /** Paths of the sockets where it adopts connections. Empty without the library. */
  adoptionSockets(): string[]
  hasLibrary(): boolean
  /** Whether this process has the library, and uses the channel now. */
  isConnected(pid: number): boolean
  /** Resolves when the library reports ready, which is the last message that it sends on a new connection. */
  readonly ready: Promise<void>
  /** To be called when the instance is requested to replace its program with that of the revision. */
  expectExec(revision: number, options?: { byEarlierSupervisor: boolean }): void
  /** To be called when it gets no new connections, and none is queued for it. */
  stoppedAccepting(): void
  /** To be called when the stop signal was sent to the leader of this process group. */
  expectDrain(group: number): void
  close(): void
}

type ReportObserver = Omit<ProcessObserver, 'exited'>

export function instanceReports(inodes: ReadonlySet<number>, observer: ReportObserver): InstanceReports {
  const library = libraryProcesses()
  const exec = execReports(observer)
  const watchdog = openWatchdog((reason) => observer.unhealthy(reason))
  let draining = false
  let stopping = false
  let watch: ListenerWatch | null = null
  let reportReady = once(() => observer.ready())
  let resolveReady = () => {}
  const ready = new Promise<void>((resolve) => (resolveReady = resolve))
  const reportStoppedAccepting = once(() => {
    watch?.stop()
    observer.stoppedAccepting()
  })
  const reportDrained = once((cut: string[]) => {
    const account = library.account()
    if (account) observer.drained(account, cut)
  })

  const adopted = new Set<string>()
  let knowsAdopted = false
  const listeners = (connection: object, message: InstanceMessage) => {
    const pid = library.pidOf(connection)
    if (message.type === 'bound' && pid !== undefined)
      observer.bound(
        message.listeners.map(({ name, fd, anyPort = false }) => ({
          ...{ name, fd, pid },
          ...(anyPort && { anyPort: true as const }),
        })),
      )
    if (message.type === 'listening' && message.listener !== undefined) adopted.add(message.listener)
    if (message.type === 'ready' && !exec.isPending()) knowsAdopted = true
    if (knowsAdopted && (message.type === 'ready' || message.type === 'listening'))
      observer.adopted([...adopted])
  }

  const update = () => {
    if (draining && hasStopped(library, inodes, stopping)) reportStoppedAccepting()
    const cut = library.drained()
    if (cut) reportDrained(cut)
  }
  return {
    channelMessage(connection, message) {
      library.message(connection, message)
      if (exec.message(message) === 'executed') {
        reportReady = once(() => observer.ready())
        adopted.clear()
      }
      if (message.type === 'hello') watch?.stop()
      if (message.type === 'ready') resolveReady()
      listeners(connection, message)
      if (message.type === 'ready' && !exec.isPending()) reportReady()
      if (message.type === 'status') observer.status(message.text)
      if (message.type === 'accepting') observer.accepting(message.accepting)
      const progress = changesProgress.has(message.type) ? library.progress() : null
      if (progress) observer.progress(progress)
      const account = 'account' in message && message.type !== 'drained' ? library.account() : null
      if (account) observer.account(account)
      update()
    },
    channelClosed(connection) {
      library.disconnected(connection)
      update()
    },
    wanted: (address, answer) => observer.wanted(address, answer),
    notifyMessage(message) {
      watchdog.message(message)
      if (message.ready) reportReady()
      if (message.status !== undefined) observer.status(message.status)
      if (message.stopping) {
        stopping = true
        watch?.check()
      }
      update()
    },
    adoptionSockets: () => library.adoptionSockets(),
    hasLibrary: () => library.any(),
    isConnected: (pid) => library.isConnected(pid),
    ready,
    expectExec: (revision, { byEarlierSupervisor } = { byEarlierSupervisor: false }) =>
      exec.expect(revision, byEarlierSupervisor),
    stoppedAccepting: reportStoppedAccepting,
    expectDrain(group) {
      draining = true
      watchdog.stop() // from here on the grace period bounds the instance
      if (!library.any() && inodes.size > 0) watch = watchListeners(group, inodes, reportStoppedAccepting)
      setImmediate(update) // not at once: the caller must not be called back from within
    },
    close() {
      watchdog.stop()
      watch?.stop()
    },
  }
}

/** Reports the outcome of `exec`: from the answer of the old program, or from the hello of the new one. */
function execReports(observer: ReportObserver) {
  /** The revision whose program the instance was requested to exec. Null if no request is pending. */
  let pending: number | null = null
  let byEarlierSupervisor = false
  const fail = (message: string, refused: boolean) => {
    if (pending === null) return
    pending = null
    observer.execFailed(message, refused)
  }
  return {
    isPending: () => pending !== null,
    expect(revision: number, earlier: boolean) {
      pending = revision
      byEarlierSupervisor = earlier
    },
    message(message: InstanceMessage): 'executed' | undefined {
      if (message.type === 'hello' && pending !== null && message.revision === String(pending)) {
        pending = null
        observer.executed()
        return 'executed'
      }
      if (message.type === 'hello' && byEarlierSupervisor)
        fail('it has not replaced its program, and the supervisor that requested it is gone', true)
      if (message.type === 'execFailed')
        fail(message.message, message.code === 'ERR_HANDOVER_EXEC_UNAVAILABLE')
      if (message.type === 'error' && message.unknown === 'exec')
        fail('it cannot replace its program in place: its library is too old', true)
      return undefined
    },
  }
}

const changesProgress = new Set<InstanceMessage['type']>(['hello', 'listening', 'closed'])

function hasStopped(library: LibraryProcesses, inodes: ReadonlySet<number>, stopping: boolean): boolean {
  if (library.any()) return library.stoppedAccepting()
  return stopping && inodes.size === 0
}

function once<T extends unknown[]>(callback: (...args: T) => void): (...args: T) => void {
  let called = false
  return (...args) => {
    if (called) return
    called = true
    callback(...args)
  }
}
