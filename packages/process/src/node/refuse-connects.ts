import net from 'node:net'
import { constants } from 'node:os'

/** The object of Node's internals below a TCP socket. */
interface ConnectingHandle {
  connect: Connect
  connect6?: Connect
}
/** Gives 0, and calls `oncomplete` later, with a negative error number of libuv if it failed. */
type Connect = (
  this: unknown,
  request: { oncomplete(status: number, ...rest: unknown[]): void },
  address: string,
  port: number,
  ...rest: unknown[]
) => number

/**
 * TCP connections to a port of `ports`, at an address for which `isOwn` holds, are refused: with the errors that Node
 * gives when no process listens there. Returns a function that ends that.
 */
export function refuseConnects(ports: ReadonlySet<number>, isOwn: (address: string) => boolean): () => void {
  const original = Reflect.get(net.Socket.prototype, 'connect') as (...args: unknown[]) => net.Socket
  let restoreHandles = () => {}
  let active = true

  // All TCP handles have one prototype, which only a handle leads to. Node connects it in a later tick.
  const connect = function (this: net.Socket, ...args: unknown[]): net.Socket {
    const result = original.apply(this, args)
    const handle = (this as { _handle?: Partial<ConnectingHandle> | null })._handle
    if (active && handle?.connect6 !== undefined) {
      restoreConnect()
      restoreHandles = patchHandles(Object.getPrototypeOf(handle) as ConnectingHandle, ports, isOwn)
    }
    return result
  }
  const restoreConnect = () => {
    if (Reflect.get(net.Socket.prototype, 'connect') === connect)
      Reflect.set(net.Socket.prototype, 'connect', original)
  }
  Reflect.set(net.Socket.prototype, 'connect', connect)
  return () => {
    active = false
    restoreConnect()
    restoreHandles()
  }
}

function patchHandles(
  prototype: ConnectingHandle,
  ports: ReadonlySet<number>,
  isOwn: (address: string) => boolean,
): () => void {
  const restores = (['connect', 'connect6'] as const).map((name) => {
    const original = prototype[name]
    if (original === undefined) return () => {}
    const patched: Connect = function (this: unknown, request, address, port, ...rest) {
      if (!ports.has(port) || !isOwn(address)) return original.call(this, request, address, port, ...rest)
      setImmediate(() => request.oncomplete(-constants.errno.ECONNREFUSED, this, request, true, true))
      return 0
    }
    prototype[name] = patched
    return () => {
      if (prototype[name] === patched) prototype[name] = original
    }
  })
  return () => restores.forEach((restore) => restore())
}
