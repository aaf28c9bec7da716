import type net from 'node:net'
import { listenBeside } from './reuse-port.js'
import { listenAtPath, type PathFate } from './unix-path.js'

/** How an address that nobody has given us is bound. */
export interface BindWay extends PathFate {
  /** Beside others that have the port too (SO_REUSEPORT). */
  readonly listensBeside: boolean
}

/** Binds an address in the way that a successor needs it. False: Node is to do it, as ever. */
export function bindForSuccessor(
  server: net.Server,
  options: net.ListenOptions,
  way: BindWay,
  callback?: () => void,
): boolean {
  const { port, path } = options
  if (port === undefined) return path !== undefined && listenAtPath(server, path, options, way, callback)
  if (way.listensBeside) listenBeside(server, { ...options, port }, callback)
  return way.listensBeside
}
