import { clearInterval, setInterval } from 'node:timers'
import type { ListenHandle } from './handle.js'
import { createServerHandle } from './server-handle.js'

/** The methods that Node calls on a listening handle, beside those of `ListenHandle`. */
interface NativeHandle extends ListenHandle {
  /** Calls listen(2) and begins to accept. */
  listen(backlog: number): number
  ref(): void
  unref(): void
  hasRef(): boolean
}

interface State {
  /** Set while it is held. A handle that does not accept keeps no process alive, so a timer does. */
  timer: NodeJS.Timeout | null
  /** The handle that has replaced this one: what has this one uses the other through it. */
  next: NativeHandle | null
}

const states = new WeakMap<ListenHandle, State>()

/** A handle for a listening descriptor, which can be held. Null if the descriptor is closed or unusable. */
export function openHandle(fd: number): ListenHandle | null {
  const handle = createServerHandle(null, 0, 0, fd)
  if (typeof handle === 'number') return null
  manage(handle)
  return handle
}

/**
 * Lets a handle be held. For its server nothing is different: 'listening' is emitted, `address()` answers, and it keeps
 * the process alive. But while it is held, connections stay in the queue of the kernel, or go to other processes that
 * accept from the same socket.
 */
export function manage(handle: ListenHandle): void {
  if (states.has(handle)) return
  const state: State = { timer: null, next: null }
  states.set(handle, state)
  const { prototype, own } = nativeOf(handle)
  const close = handle.close.bind(handle)
  const methods: Partial<NativeHandle> = {
    listen: (backlog) => state.next?.listen(backlog) ?? (state.timer ? 0 : own('listen')(backlog)),
    ref: () => (state.next ?? state.timer ?? { ref: own('ref') }).ref(),
    unref: () => (state.next ?? state.timer ?? { unref: own('unref') }).unref(),
    hasRef: () => (state.next ?? state.timer ?? { hasRef: own('hasRef') }).hasRef(),
    close(...args) {
      letGo(state)
      if (state.next === null) close(...args)
      else state.next.close(...args)
    },
  }
  if (prototype.getsockname !== undefined)
    methods.getsockname = (out) => state.next?.getsockname?.(out) ?? own('getsockname')(out)
  Object.assign(handle, methods)
  Object.defineProperty(handle, 'fd', {
    configurable: true,
    get: () => state.next?.fd ?? (Reflect.get(prototype, 'fd', handle) as number),
  })
}

/** Does not accept until `release`. For a handle on which listen(2) was not called in this process yet. */
export function hold(handle: ListenHandle): void {
  const state = states.get(handle)
  if (state !== undefined) state.timer ??= setInterval(() => {}, aMonth)
}

/** Accepts from now on. Does nothing if the handle is not held, or is closed. */
export function release(handle: ListenHandle, backlog: number): void {
  const state = states.get(handle)
  if (!state?.timer) return
  const keepsAlive = state.timer.hasRef()
  letGo(state)
  const native = handle as NativeHandle
  native.listen(backlog)
  if (!keepsAlive) native.unref()
}

/**
 * Opens a held handle for `fd`, a copy of the descriptor of `handle`, and closes `handle`, which accepts: libuv cannot
 * stop accepting otherwise. `first` is the handle that the server began with. It stands for the new one from now on.
 * Returns null, and leaves the copy open, if that cannot be used.
 */
export function replaceByHeld(first: ListenHandle, handle: ListenHandle, fd: number): ListenHandle | null {
  const next = openHandle(fd)
  const state = states.get(first)
  if (next === null || state === undefined) return null
  const native = next as NativeHandle
  hold(native)
  if (!(handle as NativeHandle).hasRef()) native.unref()
  // Node finds the server by the handle that it is called on.
  native.onconnection = (error, client) => first.onconnection.call(first, error, client)
  nativeOf(handle).own('close')()
  state.next = native
  return next
}

function letGo(state: State): void {
  if (state.timer !== null) clearInterval(state.timer)
  state.timer = null
}

/** The methods of the handle's class, whatever the handle itself has in their place. */
function nativeOf(handle: ListenHandle) {
  const prototype = Object.getPrototypeOf(handle) as NativeHandle
  const own = <Name extends keyof NativeHandle>(name: Name) =>
    (prototype[name] as (...args: unknown[]) => unknown).bind(handle) as NonNullable<NativeHandle[Name]>
  return { prototype, own }
}

const aMonth = 2 ** 31 - 1
