import type dgram from 'node:dgram'
import type net from 'node:net'

/** What asks for a listener: a server, or a socket of `dgram`. */
export type SocketKind = 'stream' | 'udp4' | 'udp6'

/** Node's own object below a datagram socket. */
interface DatagramHandle {
  readonly fd: number
  recvStop(): void
  /** (request, list, length, port, address, …), or without the address on a connected socket. */
  send(request: object, list: unknown[], length: number, ...to: unknown[]): number
}

interface DatagramState {
  handle: DatagramHandle | null
  receiving: boolean
  bindState: number
}

/** `socket._handle` is deprecated, and warns. */
function stateOf(socket: dgram.Socket): DatagramState | undefined {
  const key = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'state symbol')
  return key && (socket as unknown as Record<symbol, DatagramState>)[key]
}

/** Whether it has an address, or is just about to get one. */
export const isBound = (socket: dgram.Socket): boolean => stateOf(socket)?.bindState !== 0

/** Its descriptor; -1 once it is closed. */
export const handleFd = (socket: dgram.Socket): number => stateOf(socket)?.handle?.fd ?? -1

/**
 * Reads nothing more: what was read has been given to the application by now, what is queued is for others that
 * read from the same socket. It can still send. As `close()` does it, but that would end the sending, too.
 */
export function stopReceiving(socket: dgram.Socket): void {
  const state = stateOf(socket)
  if (!state?.receiving) return
  state.handle?.recvStop()
  state.receiving = false
}

/** Calls `sent` with the numeric address of each datagram on its way out. Returns a function that ends it. */
export function followSends(socket: dgram.Socket, sent: (port: number, address: string) => void): () => void {
  const handle = stateOf(socket)?.handle
  if (!handle) return () => {}
  const send = handle.send.bind(handle)
  const followed: DatagramHandle['send'] = (request, list, length, ...to) => {
    if (typeof to[0] === 'number') sent(to[0], String(to[1]))
    return send(request, list, length, ...to)
  }
  handle.send = followed
  return () => {
    if (handle.send === followed) handle.send = send
  }
}

/** A server has no `type`. */
export const isDatagramSocket = (socket: net.Server | dgram.Socket): socket is dgram.Socket =>
  kindOf(socket) !== 'stream'

export function kindOf(socket: net.Server | dgram.Socket): SocketKind {
  const { type } = socket as { type?: unknown }
  return type === 'udp4' || type === 'udp6' ? type : 'stream'
}
