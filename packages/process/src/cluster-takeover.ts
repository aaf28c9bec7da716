import net from 'node:net'
import { AcceptQueue, handleOf } from './accept-queue.js'
import type { ClusterPrimary } from './cluster-primary.js'
import { findListener } from './inherited.js'
import type { Service } from './service.js'

type CreateServerHandle = (
  address: string | null,
  port: number,
  addressType: number,
  fd?: number,
  flags?: number,
) => unknown

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

  service.on('listening', (server) => {
    const handle = handleOf(server)
    process.nextTick(() => {
      if (handle === null || handleOf(server) === handle || service.state === 'draining') return
      const queue = new AcceptQueue(handle)
      service.probeThrough(server, queue)
      void join().then((participant) => participant.add(queue))
    })
  })

  const module = net as unknown as { _createServerHandle: CreateServerHandle }
  const original = module._createServerHandle
  const create: CreateServerHandle = (address, port, addressType, fd, flags) => {
    const target = port > 0 ? { port, host: address ?? undefined } : { path: address ?? undefined }
    const listener = fd !== undefined && fd >= 0 ? undefined : findListener(service.inherited, target)
    called()
    void join()
    if (listener === undefined) return original(address, port, addressType, fd, flags)
    service.adoptForWorkers(listener)
    return original(null, 0, 0, listener.fd, flags)
  }
  module._createServerHandle = create
  return () => {
    if (module._createServerHandle === create) module._createServerHandle = original
  }
}
