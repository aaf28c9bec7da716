import type dgram from 'node:dgram'
import type net from 'node:net'
import os from 'node:os'
import { clearInterval, setInterval } from 'node:timers'

/** The kind of socket: a server, or a `dgram` socket of one of its two types. */
export type SocketKind = 'stream' | 'udp4' | 'udp6'

/** The object of Node's internals below a datagram socket. */
interface DatagramHandle {
  readonly fd: number
  open(fd: number): number
  bind(address: string, port: number, flags: number): number
  close(...args: unknown[]): void
  recvStart(): number
  recvStop(): void
  ref(): void
  unref(): void
  /** `to` is (port, address, …), or (…) on a connected socket. */
  send(request: object, list: unknown[], length: number, ...to: unknown[]): number
}

interface DatagramState {
  handle: DatagramHandle | null
  receiving: boolean
  bindState: number
  reuseAddr?: boolean
  reusePort?: boolean
}

/** Does not use `socket._handle`, which is deprecated and warns. */
function stateOf(socket: dgram.Socket): DatagramState | undefined {
  const key = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'state symbol')
  return key && (socket as unknown as Record<symbol, DatagramState>)[key]
}

/** Whether the socket has an address, or `bind` was called. */
export const isBound = (socket: dgram.Socket): boolean => stateOf(socket)?.bindState !== 0

/** Whether the socket has an address, and 'listening' was emitted. */
export const hasAddress = (socket: dgram.Socket): boolean => stateOf(socket)?.bindState === 2

/** Whether other processes can bind its address, too. */
export const isShareable = (socket: dgram.Socket): boolean => {
  const state = stateOf(socket)
  return state?.reuseAddr === true || state?.reusePort === true
}

/** The internal handle, or null once it is closed. */
export const datagramHandleOf = (socket: dgram.Socket): DatagramHandle | null =>
  stateOf(socket)?.handle ?? null

/**
 * When the socket is bound to an address that is in use, `find` may return the descriptor of a socket that has it, which
 * is used instead. To be called before `bind`.
 */
export function replaceWhenInUse(
  socket: dgram.Socket,
  find: (address: string, port: number) => number | null,
  open: (fd: number, adopt: () => number) => number,
): void {
  const handle = datagramHandleOf(socket)
  if (handle === null) return
  // Node sets `bind` of a handle for IPv6 to its `bind6`.
  const { bind } = handle
  handle.bind = (address, port, flags) => {
    handle.bind = bind
    // After an attempt that fails, the handle can no longer be given another descriptor.
    const { constructor } = Object.getPrototypeOf(handle) as { constructor: new () => DatagramHandle }
    const attempt = new constructor()
    const failure = bind.call(attempt, address, port, flags)
    attempt.close()
    const fd = failure === -os.constants.errno.EADDRINUSE ? find(address, port) : null
    return fd === null ? handle.bind(address, port, flags) : open(fd, () => handle.open(fd))
  }
}

/**
 * The next `bind` opens a descriptor instead, with `open`. Everything else about it stays as it is: arguments, the look-up
 * of the host, and the turn in which 'listening' is emitted. To be called before `bind`.
 */
export function openInsteadOfBind(
  socket: dgram.Socket,
  fd: number,
  open: (adopt: () => number) => number,
): void {
  const handle = datagramHandleOf(socket)
  if (handle === null) return
  const { bind } = handle
  handle.bind = () => {
    handle.bind = bind
    return open(() => handle.open(fd))
  }
}

/** The socket's descriptor, or -1 once it is closed. */
export const datagramDescriptor = (socket: dgram.Socket): number => stateOf(socket)?.handle?.fd ?? -1

/**
 * Stops reading, as `close()` does, but the socket can still send. The application already has every datagram that was
 * read. Those that wait in the kernel are left to other processes that read from the same socket.
 */
export function stopReceiving(socket: dgram.Socket): void {
  const state = stateOf(socket)
  if (!state?.receiving) return
  state.handle?.recvStop()
  state.receiving = false
}

/**
 * Does not read, from now on or, if the socket is not bound yet, from the beginning. The application sees no difference:
 * 'listening' is emitted, it can send, and the socket keeps the process alive. Returns a function that begins to read,
 * unless the socket was closed or has stopped for good meanwhile.
 */
export function holdDatagrams(socket: dgram.Socket): () => void {
  const state = stateOf(socket)
  const handle = state?.handle
  if (!state || !handle) return () => {}
  const timer = setInterval(() => {}, aMonth)
  const ended = () => clearInterval(timer)
  socket.once('close', ended)
  if (state.receiving) handle.recvStop()
  Object.assign(handle, {
    recvStart: () => 0,
    ref: () => void timer.ref(),
    unref: () => void timer.unref(),
  })
  return () => {
    const keepsAlive = timer.hasRef()
    socket.off('close', ended)
    ended()
    for (const method of ['recvStart', 'ref', 'unref']) Reflect.deleteProperty(handle, method)
    if (state.handle !== handle || !state.receiving) return
    handle.recvStart()
    if (!keepsAlive) handle.unref()
  }
}

const aMonth = 2 ** 31 - 1

/** Calls `sent` with the numeric address of each datagram that is sent. Returns a function that stops this. */
export function watchSends(socket: dgram.Socket, sent: (port: number, address: string) => void): () => void {
  const handle = stateOf(socket)?.handle
  if (!handle) return () => {}
  const send = handle.send.bind(handle)
  const watched: DatagramHandle['send'] = (request, list, length, ...to) => {
    if (typeof to[0] === 'number') sent(to[0], String(to[1]))
    return send(request, list, length, ...to)
  }
  handle.send = watched
  return () => {
    if (handle.send === watched) handle.send = send
  }
}

export const isDatagramSocket = (socket: net.Server | dgram.Socket): socket is dgram.Socket =>
  kindOf(socket) !== 'stream'

/** A `dgram` socket has a `type`, a server has none. */
export function kindOf(socket: net.Server | dgram.Socket): SocketKind {
  const { type } = socket as { type?: unknown }
  return type === 'udp4' || type === 'udp6' ? type : 'stream'
}
