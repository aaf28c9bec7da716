import type dgram from 'node:dgram'
import type net from 'node:net'
import type { Taken } from '../alone/take-over.js'
import type { Environment } from '../protocol/environment.js'

/**
 * What two copies of this package in one process, possibly of different versions, agree on: the one that the
 * supervisor preloads, and the one that the application imports. Whoever is in charge leaves a `Presence`
 * on the global object; the application's copy asks it to retire, and gets all that it had.
 */
export interface Presence {
  /** Raised when `retire` or `Estate` change in a way that an older copy cannot read. */
  contract: 1
  mode: 'library' | 'register'
  /** Steps back, and leaves no patch, handler or connection behind. Null: it cannot, it is in use. */
  retire(): Estate | null
}

export interface Estate {
  /** The variables that it took out of `process.env`. */
  environment: Environment
  /** Listeners that were taken over from another process; absent: none. */
  taken?: Taken | null
  /** Servers that listen already, and for each the descriptor that it adopted, if any. */
  servers: { server: net.Server; fd?: number; sockets: net.Socket[] }[]
  /** UDP sockets that read already, with the descriptor that each adopted; absent in copies that know of none. */
  datagrams?: { socket: dgram.Socket; fd: number }[]
}

const key = Symbol.for('handover.process')
const world = globalThis as { [key]?: Presence }

export function currentPresence(): Presence | undefined {
  const presence = world[key]
  return presence?.contract === 1 ? presence : undefined
}

export function announcePresence(presence: Presence): void {
  world[key] = presence
}

export function withdrawPresence(presence: Presence): void {
  if (world[key] === presence) delete world[key]
}
