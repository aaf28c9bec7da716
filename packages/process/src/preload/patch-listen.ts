import net from 'node:net'
import { bindForSuccessor } from '../listeners/bind.js'
import { findListener, type ListenTarget } from '../listeners/inherited.js'
import type { ServiceCore } from '../service/core.js'

/**
 * Patches `net.Server.prototype.listen`, which every server of Node inherits, so that each server is tracked, and gets
 * its handle from the service: see `HandleSupply`. `called` is called before that, and `threw` if nothing comes of the
 * call. Returns a function that removes the patch.
 */
export function patchListen(
  service: ServiceCore,
  called: (server: net.Server) => void,
  threw: (server: net.Server) => void,
): () => void {
  const original = Reflect.get(net.Server.prototype, 'listen') as Listen
  let active = true
  const listen = function (this: net.Server, ...args: unknown[]): net.Server {
    if (!active || this.listening) return original.apply(this, args)
    service.servers.track(this)
    called(this)
    try {
      const call = readListenCall(args)
      const bound = call !== null && bindOther(this, call, args)
      return bound ? this : original.apply(this, args)
    } catch (error) {
      threw(this)
      throw error
    }
  }
  /** Binds an address that was not inherited as a successor needs it. Returns false if Node must do it. */
  const bindOther = (server: net.Server, call: ListenCall, args: unknown[]): boolean =>
    findListener(service.inherited, call.target) === undefined &&
    bindForSuccessor(server, listenOptions(call, args), service.alone, call.callback)
  Reflect.set(net.Server.prototype, 'listen', listen)
  return () => {
    active = false
    if (Reflect.get(net.Server.prototype, 'listen') === listen)
      Reflect.set(net.Server.prototype, 'listen', original)
  }
}

type Listen = (this: net.Server, ...args: unknown[]) => net.Server

export interface ListenCall {
  target: ListenTarget
  callback?: () => void
  signal?: AbortSignal
}

/**
 * The address in a call of `server.listen`, or null if it names a handle, a descriptor or port 0. The shapes are those
 * of Node's documentation: (port[, host][, backlog][, callback]), (path[, …]) and (options[, callback]), where a
 * number may be a string of digits.
 */
export function readListenCall(args: readonly unknown[]): ListenCall | null {
  const last = args.at(-1)
  const callback = typeof last === 'function' ? { callback: last as () => void } : {}
  const [first, second] = args
  if (typeof first !== 'object' || first === null) {
    const target = readAddress(first, typeof second === 'string' && !isNumeric(second) ? second : undefined)
    return target && { target, ...callback }
  }
  const options = first as Record<string, unknown>
  if ('_handle' in options || 'handle' in options || 'fd' in options) return null
  const host = typeof options.host === 'string' ? options.host : undefined
  const target = readAddress('port' in options ? options.port : options.path, host)
  const signal = options.signal instanceof AbortSignal ? { signal: options.signal } : {}
  return target && { target, ...callback, ...signal }
}

/** The call as one object, for `listen(options)`. */
function listenOptions({ target }: ListenCall, args: readonly unknown[]): net.ListenOptions {
  const [first, ...rest] = args
  const backlog = rest.find((value) => typeof value === 'number')
  return {
    ...(typeof first === 'object' ? (first as net.ListenOptions) : {}),
    ...target,
    ...(backlog === undefined ? {} : { backlog }),
  }
}

function readAddress(address: unknown, host: string | undefined): ListenTarget | null {
  if (typeof address === 'number' || (typeof address === 'string' && isNumeric(address))) {
    return Number(address) > 0 ? { port: Number(address), host } : null
  }
  return typeof address === 'string' && address !== '' ? { path: address } : null
}

const isNumeric = (text: string) => text.trim() !== '' && Number(text) >= 0
