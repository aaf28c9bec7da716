import net from 'node:net'
import type { ListenHandle } from './accept-queue.js'
import type { InheritedListener } from '../listeners/inherited.js'

type Listen = (this: net.Server, options: { fd: number } | net.ListenOptions, backlog?: number) => net.Server

/** `net.Server.prototype.listen` as it was before the zero-code mode patched it. */
export const originalListen = Reflect.get(net.Server.prototype, 'listen') as Listen

/**
 * Lets `server` listen on an inherited descriptor.
 *
 * listen(2) on a listening socket only sets its backlog anew, for everyone who shares it. The backlog that was
 * wanted cannot be read, so the largest is asked for: the kernel caps it at net.core.somaxconn.
 */
export function adopt(server: net.Server, listener: InheritedListener, signal?: AbortSignal): void {
  listener.adopted = true
  const { address, fd } = listener
  // Node knows the path of a unix server only if it bound it itself; address() reads it from here.
  if (address?.type === 'unix') Object.assign(server, { _pipeName: address.path })
  if (listener.kept !== undefined) return listenAgain(server, listener.kept)
  originalListen.call(server, signal === undefined ? { fd } : { fd, signal }, largestBacklog)
}

/** `listen({ _handle })` does the same, but only for TCP. */
function listenAgain(server: net.Server, handle: ListenHandle): void {
  const internal = server as net.Server & {
    _handle: ListenHandle
    _listen2(address: null, port: number, addressType: number, backlog: number): void
  }
  internal._handle = handle
  internal._listen2(null, -1, -1, largestBacklog)
}

const largestBacklog = 65535
/** Node's own, where nobody asks for another. */
export const defaultBacklog = 511

/** As a person writes it: `127.0.0.1:3000`, `[::]:3000`, `unix:/run/web.sock`. */
export function addressOf(server: net.Server): string {
  const address = server.address()
  if (address === null) return 'unknown'
  if (typeof address === 'string') return `unix:${address.replace('\0', '@')}`
  return address.family === 'IPv6'
    ? `[${address.address}]:${address.port}`
    : `${address.address}:${address.port}`
}
