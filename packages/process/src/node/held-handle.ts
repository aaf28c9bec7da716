import net from 'node:net'
import type { ListenHandle } from './handle.js'

/** The internal listening handle, with the method that calls listen(2) and begins to accept. */
type HoldableHandle = ListenHandle & { listen(backlog: number): number }

type CreateServerHandle = (address: null, port: -1, addressType: -1, fd: number) => ListenHandle | number

/** Node's own, without the preload's patch. */
const createServerHandle = (net as unknown as { _createServerHandle: CreateServerHandle })._createServerHandle

/** A handle for a listening descriptor, which does not accept yet. Null if the descriptor is closed or unusable. */
export function openHandle(fd: number): ListenHandle | null {
  const handle = createServerHandle(null, -1, -1, fd)
  return typeof handle === 'number' ? null : handle
}

/**
 * Makes a handle on which listen(2) was not called here yet ignore that call. For its server nothing is different:
 * 'listening' is emitted and `address()` answers. But connections stay in the queue of the kernel, or go to other
 * processes that accept from the same socket.
 */
export function hold(handle: ListenHandle): void {
  Object.assign(handle, { listen: () => 0 })
}

/** Accepts from now on. Does nothing if the handle is not held, or is closed. */
export function release(handle: ListenHandle, backlog: number): void {
  if (!Object.hasOwn(handle, 'listen')) return
  Reflect.deleteProperty(handle, 'listen')
  if ((handle.fd ?? -1) >= 0) (handle as HoldableHandle).listen(backlog)
}

/**
 * Gives `server` a held handle for `fd`, a copy of its own descriptor, and closes the one that accepts. Returns the new
 * handle, or null if the server has none or the copy cannot be used.
 */
export function exchangeForHeld(server: net.Server, fd: number): ListenHandle | null {
  const internal = server as net.Server & { _handle: ListenHandle | null }
  const before = internal._handle
  const handle = before === null ? null : openHandle(fd)
  if (before === null || handle === null) return null
  hold(handle)
  handle.onconnection = before.onconnection
  // The owner, by which Node finds the server of a connection.
  for (const symbol of Object.getOwnPropertySymbols(before))
    Reflect.set(handle, symbol, Reflect.get(before, symbol) as unknown)
  internal._handle = handle
  before.close()
  return handle
}
