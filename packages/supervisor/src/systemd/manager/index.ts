import { setInterval } from 'node:timers'
import type { ListenerSpec } from '../../model/index.js'
import type { RecoverableSockets } from '../../ports.js'
import { takeServiceManagerEnvironment } from './environment.js'
import { readInherited } from './inherited.js'
import type { ServiceManagerSockets } from './listeners.js'
import { passedSockets } from './listeners.js'
import type { Assignments } from './notify.js'
import { sendNotification } from './notify.js'

export type { ServiceManagerSockets } from './listeners.js'
export { takeServiceManagerEnvironment } from './environment.js'
export { readUnitLimits } from './limits.js'
export { sendNotification } from './notify.js'

/** The service manager that started the supervisor: systemd, or another with the protocol of sd_notify(3). */
export interface ServiceManager {
  /** Whether NOTIFY_SOCKET was set. If not, only `sockets` has an effect, for sockets that were passed. */
  present: boolean
  notify(assignments: Assignments): void
  /**
   * Sends WATCHDOG=1 at half of WATCHDOG_USEC, from the event loop, so that a hanging loop is noticed. Returns the
   * function that stops it.
   */
  startWatchdog(): () => void
  sockets(own: RecoverableSockets, configured: () => ListenerSpec[]): ServiceManagerSockets
  /** From now on nothing is removed from the store: systemd empties it after a stop and keeps it over a restart. */
  stopping(): void
}

/** Takes systemd's variables out of `env`. Logs only the first notification that cannot be sent. */
export function openServiceManager(env: NodeJS.ProcessEnv, log: (line: string) => void): ServiceManager {
  const { notifySocket, watchdogMs, descriptorNames } = takeServiceManagerEnvironment(env, process.pid, log)
  const passed = readInherited(descriptorNames, log)
  let logged = false
  let stopping = false

  function notify(assignments: Assignments, fds: number[] = []): void {
    if (notifySocket === null) return
    const problem = sendNotification(notifySocket, assignments, fds)
    if (problem === null || logged) return
    logged = true
    log(problem)
  }

  const store = {
    // FDPOLL=0: systemd must not drop the socket when it reports an error or a hang-up (systemd 246).
    keep: (storeName: string, fd: number) => notify({ FDSTORE: 1, FDNAME: storeName, FDPOLL: 0 }, [fd]),
    remove(storeName: string) {
      if (!stopping) notify({ FDSTOREREMOVE: 1, FDNAME: storeName })
    },
  }

  return {
    present: notifySocket !== null,
    notify,
    startWatchdog() {
      if (watchdogMs === null || notifySocket === null) return () => {}
      notify({ WATCHDOG: 1 })
      const timer = setInterval(() => notify({ WATCHDOG: 1 }), watchdogMs / 2).unref()
      return () => clearInterval(timer)
    },
    sockets: (own, configured) => passedSockets(own, passed, store, configured),
    stopping: () => void (stopping = true),
  }
}
