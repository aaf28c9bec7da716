import net from 'node:net'
import { presentAsIPv4 } from './address-family.js'
import type { ListenHandle } from './handle.js'
import { createServerHandle } from './server-handle.js'

/** What Node opens a listening handle for: after its checks, the look-up of the host name, and the cluster module. */
export interface HandleRequest {
  /** Null: no host was named, so it is `::`, or `0.0.0.0` without IPv6. For a unix socket its path. */
  address: string | null
  /** Negative for a unix socket. */
  port: number
  /** 4 or 6. Negative for a unix socket. */
  addressType: number
  /** Of `listen({ fd })`. */
  fd: number | undefined
  flags: number | undefined
  backlog: number
}

/** `backlog`: instead of that of the call. */
export interface SuppliedHandle {
  handle: ListenHandle
  backlog?: number
}

type SetUp = (
  this: net.Server,
  address: string | null,
  port: number,
  addressType: number,
  backlog: number,
  fd?: number,
  flags?: number,
) => void

const setUp = Reflect.get(net.Server.prototype, '_listen2') as SetUp

/**
 * Each time Node is about to open a handle for `server`, `supply` may provide one instead. Null leaves it to Node. All
 * that the application can see is Node's own: the order of events, the errors, `address()`.
 */
export function supplyHandles(
  server: net.Server,
  supply: (request: HandleRequest) => SuppliedHandle | null,
): void {
  const internal = server as net.Server & { _handle: ListenHandle | null }
  const hooked: SetUp = function (this: net.Server, address, port, addressType, backlog, fd, flags) {
    const request = { address, port, addressType, backlog: backlog || defaultBacklog, fd, flags }
    const supplied = internal._handle ? null : supply(request)
    if (supplied !== null) internal._handle = supplied.handle
    // In a node:cluster worker, the primary has supplied it.
    if (internal._handle && address !== null && addressType === 4) presentAsIPv4(this, address)
    if (supplied === null) return setUp.call(this, address, port, addressType, backlog, fd, flags)
    const name = address === null ? nameOf(supplied.handle) : { address, addressType }
    setUp.call(this, name.address, port, name.addressType, supplied.backlog ?? backlog, fd, flags)
  }
  Object.defineProperty(server, '_listen2', { value: hooked, configurable: true, writable: true })
}

/** As `listen` does without a host. */
function nameOf(handle: ListenHandle): { address: string | null; addressType: number } {
  const name: { address?: string; family?: string } = {}
  handle.getsockname?.(name)
  return { address: name.address ?? null, addressType: name.family === 'IPv6' ? 6 : 4 }
}

/** Binds the address and listens, as Node does. Returns the negative errno if that fails. */
export function bindHandle({
  address,
  port,
  addressType,
  flags,
  backlog,
}: HandleRequest): ListenHandle | number {
  const bound = bind(address, port, addressType, flags)
  if (typeof bound === 'number') return bound
  const failure = listenOn(bound, backlog)
  if (failure === 0) return bound
  bound.close()
  return failure
}

function bind(
  address: string | null,
  port: number,
  addressType: number,
  flags: number | undefined,
): ListenHandle | number {
  if (address !== null) return createServerHandle(address, port, addressType, undefined, flags)
  const bound = createServerHandle('::', port, 6, undefined, flags)
  return typeof bound === 'number' ? createServerHandle('0.0.0.0', port, 4, undefined, flags) : bound
}

/** Calls listen(2) now. Node's next call of it on this handle only succeeds. */
export function listenOn(handle: ListenHandle, backlog: number): number {
  const internal = handle as ListenHandle & { listen(backlog: number): number }
  const failure = internal.listen(backlog)
  if (failure !== 0) return failure
  internal.listen = () => {
    Reflect.deleteProperty(internal, 'listen')
    return 0
  }
  return 0
}

/** Node's default. */
export const defaultBacklog = 511
