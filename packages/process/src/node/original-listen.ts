import net from 'node:net'
import type { ListenHandle } from './accept-queue.js'

type Listen = (this: net.Server, options: { fd: number } | net.ListenOptions, backlog?: number) => net.Server

/** `net.Server.prototype.listen` as it was before the zero-code mode patched it. */
export const originalListen = Reflect.get(net.Server.prototype, 'listen') as Listen

/** `listen({ _handle })` does the same, but only for TCP. */
export function listenAgain(server: net.Server, handle: ListenHandle): void {
  const internal = server as net.Server & {
    _handle: ListenHandle
    _listen2(address: null, port: number, addressType: number, backlog: number): void
  }
  internal._handle = handle
  internal._listen2(null, -1, -1, largestBacklog)
}

export const largestBacklog = 65535
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
