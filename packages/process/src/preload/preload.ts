import { isMainThread } from 'node:worker_threads'
import { aloneSettings } from '../alone/options.js'
import { upgradeOnSignal } from '../service/upgrade-signal.js'
import { announcePresence, withdrawPresence, type Presence } from '../service/contract.js'
import { takeOverCluster } from './patch-cluster.js'
import { takeEnvironment } from '../protocol/environment.js'
import { interceptSignals } from './signal-interception.js'
import { settings } from '../service/options.js'
import { readyByItself } from './readiness.js'
import { Service } from '../service/service.js'
import { execOnSignal } from '../service/signals.js'
import { takeOverBind } from './patch-bind.js'
import { takeOverListen } from './patch-listen.js'

/** The zero-code mode: everything that the library does, for an application that does not know of it. */
export function preload(): void {
  // A thread gets no signal, and what the process was given is the main thread's.
  if (!isMainThread) return
  const environment = takeEnvironment()
  const service = new Service({}, 'register', { environment, servers: [] })
  const interception = interceptSignals(service, ['SIGTERM', 'SIGINT'])
  const restoreExec = execOnSignal(service, settings({}, environment).execSignal)
  const { signal, takeover } = aloneSettings({}, environment)
  const alone = signal !== null || takeover !== null || environment.HANDOVER_PREDECESSOR !== undefined
  const restoreUpgrades = signal === null ? null : upgradeOnSignal(service, signal)
  service.once('upgraded', () => interception.leave())
  const readiness = readyByItself(service, alone)
  const restoreListen = takeOverListen(service, (server) => {
    interception.arm()
    readiness.called(server)
  })
  const restoreBind = takeOverBind(
    service,
    (socket) => {
      interception.arm()
      readiness.called(socket)
    },
    alone,
  )
  const restoreCluster = takeOverCluster(service, () => interception.arm())
  const presence: Presence = {
    contract: 1,
    mode: 'register',
    retire: () => {
      const estate = service.retire()
      if (estate === null) return null
      restoreListen()
      restoreBind()
      restoreCluster()
      interception.restore()
      restoreUpgrades?.()
      restoreExec()
      withdrawPresence(presence)
      return estate
    },
  }
  announcePresence(presence)
  const supervised = environment.HANDOVER_SOCKET !== undefined || environment.NOTIFY_SOCKET !== undefined
  if (supervised && !alone && service.inherited.length === 0) setImmediate(() => service.ready())
}
