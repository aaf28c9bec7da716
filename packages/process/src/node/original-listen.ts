import net from 'node:net'
import type { ListenHandle } from './handle.js'

type Listen = (this: net.Server, options: { fd: number } | net.ListenOptions, backlog?: number) => net.Server

/** `net.Server.prototype.listen` without the preload's patch. */
export const originalListen = Reflect.get(net.Server.prototype, 'listen') as Listen

/** Lets `server` listen on the handle of another server. Node's `listen({ _handle })` does so only for TCP. */
export function listenOnHandle(server: net.Server, handle: ListenHandle): void {
  const internal = server as net.Server & {
    _handle: ListenHandle
    _listen2(address: null, port: number, addressType: number, backlog: number): void
  }
  internal._handle = handle
  internal._listen2(null, -1, -1, maxBacklog)
}

/** The kernel caps a backlog at net.core.somaxconn (listen(2)). */
export const maxBacklog = 65535
export { defaultBacklog } from './listen-hook.js'

/** For messages: `127.0.0.1:3000`, `[::]:3000`, `unix:/run/web.sock`; `unknown` if the server does not listen. */
export function addressOf(server: net.Server): string {
  const address = server.address() as ReturnType<net.Server['address']> | undefined
  // Undefined: a unix socket whose descriptor was named.
  if (address == null) return 'unknown'
  if (typeof address === 'string') return `unix:${address.replace('\0', '@')}`
  return address.family === 'IPv6'
    ? `[${address.address}]:${address.port}`
    : `${address.address}:${address.port}`
}
