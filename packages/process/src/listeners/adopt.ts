import type net from 'node:net'
import { maxBacklog, listenOnHandle, originalListen } from '../node/original-listen.js'
import type { InheritedListener } from './inherited.js'

/**
 * Lets `server` listen on an inherited descriptor.
 *
 * listen(2) on a listening socket only changes its backlog, for all processes that share it. The present backlog
 * cannot be read, so the maximum is set.
 */
export function adopt(server: net.Server, listener: InheritedListener, signal?: AbortSignal): void {
  listener.adopted = true
  const { address, fd } = listener
  // server.address() reads the path from here; Node sets it only when it binds the path itself.
  if (address?.type === 'unix') Object.assign(server, { _pipeName: address.path })
  if (listener.kept !== undefined) return listenOnHandle(server, listener.kept)
  originalListen.call(server, signal === undefined ? { fd } : { fd, signal }, maxBacklog)
}
