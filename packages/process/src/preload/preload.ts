import type dgram from 'node:dgram'
import type net from 'node:net'
import { isMainThread } from 'node:worker_threads'
import { isClusterWorker } from '../announce/cluster-worker.js'
import { dropOutputWithoutRoom } from '../node/lost-output.js'
import { isAddressed, takeEnvironment } from '../protocol/environment.js'
import { announcePresence, withdrawPresence, type Presence } from '../service/contract.js'
import { ServiceCore } from '../service/core.js'
import { settings, stopSignalOf } from '../service/options.js'
import { execOnSignal, upgradeOnSignal, type HandleSignal } from '../service/signals.js'
import { addressee, isBelowService } from '../system/role.js'
import { patchBind } from './patch-bind.js'
import { patchCluster } from './patch-cluster.js'
import { patchKill } from './patch-kill.js'
import { patchListen } from './patch-listen.js'
import { keepSocketFiles } from './keep-socket-files.js'
import { readyByItself } from './readiness.js'
import { refuseOwnPorts } from './refuse-own-ports.js'
import { SignalInterception } from './signal-interception.js'

/** The zero-code mode: everything that the library does for an application that does not call it. */
export function preload(): void {
  // Threads get no signals, and the main thread has the process's listeners.
  if (!isMainThread) return
  const instance = addressee()
  const environment = takeEnvironment(process.env, instance)
  const isHelper = () => !isAddressed(environment) && !isClusterWorker() && isBelowService()
  if (isHelper()) return
  const chosen = settings({}, environment)
  const service = new ServiceCore(chosen, 'register', { environment, servers: [] })
  const { signal, takeover } = chosen.alone
  const alone = signal !== null || takeover !== null || environment.HANDOVER_PREDECESSOR !== undefined
  const interception = new SignalInterception(service, chosen.signals, isHelper)
  service.events.once('waiting', () => interception.waiting()).once('upgraded', () => interception.leave())
  const readiness = readyByItself(service, alone)
  const connectToOwnPorts = refuseOwnPorts(service.inherited)
  const called = (server: net.Server | dgram.Socket) => {
    connectToOwnPorts()
    interception.arm()
    readiness.called(server)
  }
  const handle: HandleSignal = (name, action) => interception.take(name, action)
  const restore = [
    environment.HANDOVER_SOCKET === undefined ? () => {} : dropOutputWithoutRoom(),
    execOnSignal(service, chosen.execSignal, handle),
    upgradeOnSignal(service.alone, signal, handle),
    patchListen(service, called, readiness.threw),
    patchBind(service, called, readiness.threw, alone),
    patchCluster(service, () => interception.arm(), stopSignalOf(environment)),
    patchKill(() => interception.isTold),
    connectToOwnPorts,
    environment.HANDOVER_SOCKET === undefined ? () => {} : keepSocketFiles(service),
    () => interception.restore(),
  ]
  const presence: Presence = {
    contract: 1,
    mode: 'register',
    retire: () => {
      const resources = service.retire()
      if (resources === null) return null
      for (const undo of restore) undo()
      withdrawPresence(presence)
      return resources
    },
  }
  announcePresence(presence)
  const supervised = environment.HANDOVER_SOCKET !== undefined || environment.NOTIFY_SOCKET !== undefined
  // A shell may run other programs before the one that serves.
  if (instance !== process.pid || !supervised || alone || service.inherited.length > 0) return
  if (environment.HANDOVER_DISCOVER === 'new') readiness.readyWithoutServer(firstServerMs)
  else setImmediate(() => service.ready())
}

/**
 * Milliseconds. Of the first instance of a service nobody knows yet whether it is a server. One that does not begin to
 * listen within this time is taken for a program without listeners, which is ready when it runs.
 */
const firstServerMs = 2000
