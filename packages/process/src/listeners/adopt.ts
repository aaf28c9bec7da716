import type net from 'node:net'
import { maxBacklog, listenOnHandle, originalListen } from '../node/original-listen.js'
import type { AcceptGate } from './accept-gate.js'
import type { InheritedListener } from './inherited.js'

/**
 * Lets `server` listen on an inherited descriptor. It accepts as soon as `gate` does.
 *
 * listen(2) on a listening socket only changes its backlog, for all processes that share it. The present backlog
 * cannot be read, so the maximum is set.
 */
export function adopt(
  server: net.Server,
  listener: InheritedListener,
  gate: AcceptGate,
  signal?: AbortSignal,
): void {
  listener.adopted = true
  const { address, fd } = listener
  // server.address() reads the path from here; Node sets it only when it binds the path itself.
  if (address?.type === 'unix') Object.assign(server, { _pipeName: address.path })
  const handle = gate.handleFor(server, listener)
  if (handle === null) {
    originalListen.call(server, signal === undefined ? { fd } : { fd, signal }, maxBacklog)
    return
  }
  if (signal !== undefined) closeOnAbort(server, signal)
  listenOnHandle(server, handle)
}

/** As `net.Server.listen` does with its option `signal`. */
function closeOnAbort(server: net.Server, signal: AbortSignal): void {
  const close = () => void server.close()
  if (signal.aborted) return process.nextTick(close)
  signal.addEventListener('abort', close, { once: true })
  server.once('close', () => signal.removeEventListener('abort', close))
}
