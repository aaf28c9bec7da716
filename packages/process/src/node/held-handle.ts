import net from 'node:net'
import type { ListenHandle } from './handle.js'

/** The internal listening handle, with the method that calls listen(2) and begins to accept. */
type HoldableHandle = ListenHandle & { listen(backlog: number): number; unref(): void }

type CreateServerHandle = (address: null, port: 0, addressType: 0, fd: number) => ListenHandle | number

/** Node's own, without the preload's patch. */
const createServerHandle = (net as unknown as { _createServerHandle: CreateServerHandle })._createServerHandle

/** A handle for a listening descriptor, which does not accept yet. Null if the descriptor is closed or unusable. */
export function openHandle(fd: number): ListenHandle | null {
  const handle = createServerHandle(null, 0, 0, fd)
  return typeof handle === 'number' ? null : handle
}

/**
 * Makes a handle on which listen(2) was not called here yet ignore that call. For its server nothing is different:
 * 'listening' is emitted, `address()` answers, and it keeps the process alive. But connections stay in the queue of the
 * kernel, or go to other processes that accept from the same socket.
 */
export function hold(handle: ListenHandle): void {
  // A handle that does not accept keeps no process alive.
  const timer = setInterval(() => {}, 2 ** 30)
  held.set(handle, timer)
  Object.assign(handle, {
    listen: () => 0,
    ref: () => void timer.ref(),
    unref: () => void timer.unref(),
    close: (...args: unknown[]) => {
      if (held.has(handle)) unshadow(handle)
      const { close } = Object.getPrototypeOf(handle) as ListenHandle
      close.apply(handle, args)
    },
  })
}

/** Accepts from now on. Does nothing if the handle is not held, or is closed. */
export function release(handle: ListenHandle, backlog: number): void {
  const timer = held.get(handle)
  if (timer === undefined) return
  const keepsAlive = timer.hasRef()
  unshadow(handle)
  const holdable = handle as HoldableHandle
  holdable.listen(backlog)
  if (!keepsAlive) holdable.unref()
}

const held = new Map<ListenHandle, NodeJS.Timeout>()

/** Gives the handle its own methods back. */
function unshadow(handle: ListenHandle): void {
  clearInterval(held.get(handle))
  held.delete(handle)
  for (const method of ['listen', 'ref', 'unref', 'close']) Reflect.deleteProperty(handle, method)
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
