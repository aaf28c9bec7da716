import type dgram from 'node:dgram'
import { isBound, kindOf } from '../node/datagram-handle.js'
import { adoptDatagrams } from '../listeners/datagram-sockets.js'
import { findListener } from '../listeners/inherited.js'
import { readListenCall } from './patch-listen.js'
import type { Service } from '../service/service.js'

/**
 * Patches `dgram.Socket.prototype.bind`, where a UDP socket was inherited: a call that asks for its address gets
 * that socket, every other call does what it always did. `alone`: a successor is to get what is bound here, so that
 * is followed as well. Returns a function that ends it.
 */
export function takeOverBind(
  service: Service,
  called: (socket: dgram.Socket) => void,
  alone = false,
): () => void {
  if (!alone && service.inherited.every(({ address }) => address?.type !== 'udp')) return () => {}
  const { prototype } = process.getBuiltinModule('node:dgram').Socket
  const original = Reflect.get(prototype, 'bind') as Bind
  let active = true
  const bind: Bind = function (this: dgram.Socket, ...args: unknown[]): dgram.Socket {
    const call = active && !isBound(this) ? readBindCall(args) : null
    const listener = call === null ? undefined : findListener(service.inherited, call.target, kindOf(this))
    if (call === null || (listener === undefined && !alone)) return original.apply(this, args)
    service.followDatagrams(this, listener)
    called(this)
    if (listener === undefined) return original.apply(this, args)
    adoptDatagrams(this, listener, call.callback)
    return this
  }
  prototype.bind = bind
  return () => {
    active = false
    if (Reflect.get(prototype, 'bind') === bind) prototype.bind = original
  }
}

type Bind = (this: dgram.Socket, ...args: unknown[]) => dgram.Socket

/** (port[, address][, callback]) or (options[, callback]), where `options` calls its host `address`. */
function readBindCall(args: readonly unknown[]): ReturnType<typeof readListenCall> {
  const [first, ...rest] = args
  if (typeof first !== 'object' || first === null) return readListenCall(args)
  const { address, ...options } = first as { address?: unknown }
  return readListenCall([{ ...options, host: address }, ...rest])
}
