import type net from 'node:net'

/** The object of Node's internals below a `net.Socket`. */
interface SocketHandle {
  fd: number
  reading: boolean
  writeQueueSize?: number
  /** Fills in the address of the other end. Absent on a unix socket. */
  getpeername?(out: object): number
  /** Fills in the address of this end. Absent on a unix socket. */
  getsockname?(out: object): number
  readStart(): void
  readStop(): void
}

/** The object of Node's internals below a listening `net.Server`. */
export interface ListenHandle {
  /** The descriptor, or -1 once it is closed. */
  readonly fd?: number
  onconnection: (this: unknown, error: number, client?: ClientHandle) => void
  close(...args: unknown[]): void
  /** Fills in the address. Absent on a unix socket. */
  getsockname?(out: object): number
}

/** An accepted connection before Node makes a `net.Socket` of it. */
export interface ClientHandle {
  close(...args: unknown[]): void
}

const socketHandleOf = (socket: net.Socket): SocketHandle | null =>
  (socket as net.Socket & { _handle?: SocketHandle | null })._handle ?? null

/** Null while the server does not listen. */
export const listenHandleOf = (server: net.Server): ListenHandle | null =>
  (server as net.Server & { _handle?: ListenHandle | null })._handle ?? null

/** The descriptor of an open socket or a listening server, or -1 if it has none. */
export const descriptorOf = (socket: net.Socket | net.Server): number =>
  (socket as { _handle?: { fd?: number } | null })._handle?.fd ?? -1

/** Whether it is a TCP connection. False also for a closed socket. */
export const hasPeerAddress = (socket: net.Socket): boolean =>
  socketHandleOf(socket)?.getpeername !== undefined

/** Sets what `address()`, `remoteAddress` and the like return, on a TLS socket above `socket`, too. */
export function setAddresses(socket: net.Socket, local: net.AddressInfo, remote: net.AddressInfo): void {
  const handle = socketHandleOf(socket)
  if (handle === null) return
  handle.getsockname = (out) => succeed(Object.assign(out, local))
  handle.getpeername = (out) => succeed(Object.assign(out, remote))
}

const succeed = (_filled: object): number => 0

/** `pause()` is not enough: Node's HTTP parser reads from the handle directly, and a stream reads ahead. */
export function stopReading(socket: net.Socket): void {
  const handle = socketHandleOf(socket)
  if (handle === null) return
  handle.reading = false
  handle.readStop()
}

/** Undoes `stopReading`. */
export function startReading(socket: net.Socket): void {
  const handle = socketHandleOf(socket)
  if (handle === null) return
  handle.reading = true
  handle.readStart()
}

/** Whether Node's buffers are empty: no received bytes to be read, no written bytes to be sent. */
export const isEmpty = (socket: net.Socket): boolean =>
  socket.readableLength === 0 && socket.writableLength === 0 && !socketHandleOf(socket)?.writeQueueSize
