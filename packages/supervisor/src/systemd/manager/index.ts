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

/** Whoever started the supervisor and wants to be told how it is: systemd, or another that speaks sd_notify(3). */
export interface ServiceManager {
  /** Whether anybody listens; if not, nothing below does anything but `sockets` with what was passed. */
  present: boolean
  notify(assignments: Assignments): void
  /**
   * Gives a sign of life at half the interval that was asked for, from the event loop: one that hangs is seen.
   * Returns the function that ends it.
   */
  startWatchdog(): () => void
  sockets(own: RecoverableSockets, configured: () => ListenerSpec[]): ServiceManagerSockets
  /** From here on the store is left as it is: systemd empties it after a stop, and keeps it over a restart. */
  stopping(): void
}

/** Takes what systemd said out of the environment. A message that cannot be sent is logged once. */
export function openServiceManager(env: NodeJS.ProcessEnv, log: (line: string) => void): ServiceManager {
  const { notifySocket, watchdogMs, descriptorNames } = takeServiceManagerEnvironment(env, process.pid, log)
  const passed = readInherited(descriptorNames, log)
  let complained = false
  let stopping = false

  function notify(assignments: Assignments, fds: number[] = []): void {
    if (notifySocket === null) return
    const problem = sendNotification(notifySocket, assignments, fds)
    if (problem === null || complained) return
    complained = true
    log(problem)
  }

  const store = {
    // FDPOLL=0: a listening socket is not to be dropped because it reports an error or a hang-up (systemd 246).
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
