import net from 'node:net'
import { AcceptQueue } from '../node/accept-queue.js'
import { listenHandleOf, type ListenHandle } from '../node/handle.js'
import type { ClusterPrimary } from './cluster-primary.js'
import { findListener, type InheritedListener } from '../listeners/inherited.js'
import type { Service } from '../service/service.js'

/**
 * Notices that the application is a node:cluster primary, and gives its workers the inherited listeners.
 *
 * Round robin: the primary's server goes through the patched `listen` like any other, and right after
 * 'listening' the cluster module takes the handle away from it. SCHED_NONE: the handle comes from
 * `net._createServerHandle`, before which `called` is called. Returns a function that ends it.
 */
export function takeOverCluster(service: Service, called: () => void): () => void {
  let primary: Promise<ClusterPrimary> | null = null
  const join = () =>
    (primary ??= import('./cluster-primary.js').then(({ ClusterPrimary }) => {
      const participant = new ClusterPrimary(() => service.remainingMs)
      service.join(participant)
      return participant
    }))
  const queues = new WeakMap<ListenHandle, AcceptQueue>()
  const taken = (handle: ListenHandle, listener?: InheritedListener) => {
    const known = queues.get(handle)
    known?.attach()
    const queue = known ?? new AcceptQueue(handle, listener && (() => release(listener, handle)))
    queues.set(handle, queue)
    if (listener !== undefined) service.probeThrough(listener, queue)
    void join().then((participant) => participant.add(queue))
  }

  // A drain in the very moment after `ready` must know of the workers.
  service.onBeforeDrain(() => primary)
  service.on('listening', (server, _address, listener) => {
    if (!(server instanceof net.Server)) return
    const handle = listenHandleOf(server)
    process.nextTick(() => {
      const gone = handle !== null && listenHandleOf(server) !== handle && service.state !== 'draining'
      if (gone) taken(handle, listener)
    })
  })
  return patchCreateServerHandle((target) => {
    called()
    void join()
    const listener = findListener(service.inherited, target)
    if (listener !== undefined) service.adoptForWorkers(listener)
    return listener
  })
}

type CreateServerHandle = (
  address: string | null,
  port: number,
  addressType: number,
  fd?: number,
  flags?: number,
) => ListenHandle | number

/** `adopt` says which inherited listener the workers shall get, if any. */
function patchCreateServerHandle(
  adopt: (target: { port?: number; host?: string; path?: string }) => InheritedListener | undefined,
): () => void {
  const module = net as unknown as { _createServerHandle: CreateServerHandle }
  const original = module._createServerHandle
  const create: CreateServerHandle = (address, port, addressType, fd, flags) => {
    const host = address === null ? {} : { host: address }
    const listener = adopt(port > 0 ? { port, ...host } : { path: address ?? '' })
    if (listener === undefined) return original(address, port, addressType, fd, flags)
    const handle = listener.kept ?? original(null, 0, 0, listener.fd, flags)
    // Closed by the cluster module when the last worker is gone; the primary itself never accepts from it.
    if (typeof handle === 'object') handle.close = () => release(listener, handle)
    return handle
  }
  module._createServerHandle = create
  return () => {
    if (module._createServerHandle === create) module._createServerHandle = original
  }
}

/** Free to be adopted again, by the workers that the application forks next. */
function release(listener: InheritedListener, handle: ListenHandle): void {
  listener.adopted = false
  listener.kept = handle
}
