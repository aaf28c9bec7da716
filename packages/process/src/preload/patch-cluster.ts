import net from 'node:net'
import { findListener, type InheritedListener, type ListenTarget } from '../listeners/inherited.js'
import { AcceptQueue } from '../node/accept-queue.js'
import { listenHandleOf, type ListenHandle } from '../node/handle.js'
import { handleModule, type CreateServerHandle } from '../node/server-handle.js'
import type { ServiceCore } from '../service/core.js'
import type { ClusterPrimary } from './cluster-primary.js'

/**
 * Detects that the application is a node:cluster primary, and passes the inherited listeners to its workers.
 *
 * Round robin: the primary's server calls the patched `listen` like any other, and right after 'listening' the cluster
 * module removes the handle from it. SCHED_NONE: the handle comes from `net._createServerHandle`, and `called` is
 * called before that. `stopSignal`: the workers get it when the primary drains. Returns a function that removes the patch.
 */
export function patchCluster(
  service: ServiceCore,
  called: () => void,
  stopSignal: NodeJS.Signals,
): () => void {
  let primary: Promise<ClusterPrimary> | null = null
  const join = () =>
    (primary ??= import('./cluster-primary.js').then(({ ClusterPrimary }) => {
      const participant = new ClusterPrimary(() => service.remainingMs, stopSignal)
      service.traffic.join(participant)
      return participant
    }))
  const queues = new WeakMap<ListenHandle, AcceptQueue>()
  const removed = (handle: ListenHandle, listener?: InheritedListener) => {
    const known = queues.get(handle)
    known?.attach()
    const queue = known ?? new AcceptQueue(handle, listener && (() => release(listener, handle)))
    queues.set(handle, queue)
    if (listener !== undefined) service.servers.probeSockets.divert(listener.name, queue)
    void join().then((participant) => participant.add(queue))
  }

  // A drain right after `ready` must not begin before the workers are known.
  service.ending.before.push(() => primary)
  service.events.on('listening', (server, _address, listener) => {
    if (!(server instanceof net.Server)) return
    const handle = listenHandleOf(server)
    process.nextTick(() => {
      const gone = handle !== null && listenHandleOf(server) !== handle && service.state !== 'draining'
      if (gone) removed(handle, listener)
    })
  })
  const adopted = (target: ListenTarget): InheritedListener | undefined => {
    called()
    void join()
    const listener = findListener(service.inherited, target)
    if (listener !== undefined && service.servers.adoptForWorkers(listener))
      setImmediate(() => service.ready())
    return listener
  }
  const opened: Share = (handle, request) => {
    const shared = service.servers.shareWithWorkers(handle, request)
    if (typeof shared !== 'number' && service.servers.discovered) setImmediate(() => service.ready())
    return shared
  }
  return patchCreateServerHandle(adopted, opened)
}

type Share = ServiceCore['servers']['shareWithWorkers']

/** `adopt` returns the inherited listener that the workers get, if any. `share` gets what is opened otherwise. */
function patchCreateServerHandle(
  adopt: (target: ListenTarget) => InheritedListener | undefined,
  share: Share,
): () => void {
  const original = handleModule._createServerHandle
  const create: CreateServerHandle = (address, port, addressType, fd, flags) => {
    const host = address === null ? {} : { host: address }
    const listener = adopt(port >= 0 ? { port, ...host } : { path: address ?? '' })
    if (listener === undefined) {
      const handle = original(address, port, addressType, fd, flags)
      return (fd ?? -1) >= 0 ? handle : share(handle, { address, port })
    }
    const handle = listener.kept ?? original(null, 0, 0, listener.fd, flags)
    // The cluster module closes it when the last worker has exited; the primary itself never accepts from it.
    if (typeof handle === 'object') handle.close = () => release(listener, handle)
    return handle
  }
  handleModule._createServerHandle = create
  return () => {
    if (handleModule._createServerHandle === create) handleModule._createServerHandle = original
  }
}

/** The workers that the application forks next can adopt it again. */
function release(listener: InheritedListener, handle: ListenHandle): void {
  listener.adopted = false
  listener.kept = handle
}
