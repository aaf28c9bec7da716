import type net from 'node:net'
import { largestBacklog, listenAgain, originalListen } from '../node/original-listen.js'
import type { InheritedListener } from './inherited.js'

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
