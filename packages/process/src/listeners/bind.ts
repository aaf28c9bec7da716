import type net from 'node:net'
import { listenWithReusePort } from './reuse-port.js'
import { listenAtPath, type UnixPathPolicy } from './unix-path.js'

/** How an address is bound that was not inherited. */
export interface BindPolicy extends UnixPathPolicy {
  /** With SO_REUSEPORT, so that other processes can bind the port, too. */
  readonly listensBeside: boolean
}

/** Binds an address as a successor needs it. Returns false if it did nothing: then the caller must let Node bind it. */
export function bindForSuccessor(
  server: net.Server,
  options: net.ListenOptions,
  policy: BindPolicy,
  callback?: () => void,
): boolean {
  const { port, path } = options
  if (port === undefined) return path !== undefined && listenAtPath(server, path, options, policy, callback)
  if (policy.listensBeside) listenWithReusePort(server, { ...options, port }, callback)
  return policy.listensBeside
}
