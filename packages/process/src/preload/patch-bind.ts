import type dgram from 'node:dgram'
import { isBound, isShareable, kindOf } from '../node/datagram-handle.js'
import { adoptDatagrams } from '../listeners/datagram-sockets.js'
import { findListener, type InheritedListener } from '../listeners/inherited.js'
import { isClusterWorker } from '../announce/cluster-worker.js'
import { readListenCall } from './patch-listen.js'
import type { ServiceCore } from '../service/core.js'

/**
 * Patches `dgram.Socket.prototype.bind` if a UDP socket was inherited: a call for its address adopts that socket, every
 * other call does what it did before. `alone`: a successor will get what is bound here, so that is tracked as well.
 * `called` is called before a socket that is tracked is bound, and `threw` if nothing comes of the call. Returns a
 * function that removes the patch.
 */
export function patchBind(
  service: ServiceCore,
  called: (socket: dgram.Socket) => void,
  threw: (socket: dgram.Socket) => void,
  alone = false,
): () => void {
  const keeps = service.servers.discovered
  if (!alone && !keeps && service.inherited.every(({ address }) => address?.type !== 'udp')) return () => {}
  const { prototype } = process.getBuiltinModule('node:dgram').Socket
  const original = Reflect.get(prototype, 'bind') as Bind
  let active = true
  const bind: Bind = function (this: dgram.Socket, ...args: unknown[]): dgram.Socket {
    const call = active && !isBound(this) ? readBindCall(args) : null
    const listener = call === null ? undefined : findListener(service.inherited, call.target, kindOf(this))
    const isTracked = listener !== undefined || alone || (keeps && !isShareable(this))
    if (call === null || !isTracked) return original.apply(this, args)
    service.servers.trackDatagrams(this, listener)
    called(this)
    try {
      if (listener === undefined) return original.apply(this, args)
      adopt(this, listener, args, call.callback)
      return this
    } catch (error) {
      threw(this)
      throw error
    }
  }
  /** In a worker of node:cluster it is the primary that binds an address, so the descriptor is named there. */
  const adopt = (
    socket: dgram.Socket,
    listener: InheritedListener,
    args: unknown[],
    callback?: () => void,
  ): void => {
    const { gate } = service.servers
    if (!isClusterWorker())
      return adoptDatagrams(socket, listener, gate, () => void original.apply(socket, args))
    if (callback !== undefined) socket.once('listening', callback)
    adoptDatagrams(socket, listener, gate)
  }
  prototype.bind = bind
  return () => {
    active = false
    if (Reflect.get(prototype, 'bind') === bind) prototype.bind = original
  }
}

type Bind = (this: dgram.Socket, ...args: unknown[]) => dgram.Socket

/** (port[, address][, callback]) or (options[, callback]), where the host in `options` is named `address`. */
function readBindCall(args: readonly unknown[]): ReturnType<typeof readListenCall> {
  const [first, ...rest] = args
  if (typeof first !== 'object' || first === null) return readListenCall(args)
  const { address, ...options } = first as { address?: unknown }
  return readListenCall([{ ...options, host: address }, ...rest])
}
