import type dgram from 'node:dgram'
import type net from 'node:net'
import type { TakenOver } from '../alone/take-over.js'
import type { Environment } from '../protocol/environment.js'

/**
 * What two copies of this package in one process, possibly of different versions, agree on: the one that the
 * supervisor preloads, and the one that the application imports. The copy in charge sets a `Presence` on the global
 * object. The application's copy asks it to retire, and gets all its resources.
 */
export interface Presence {
  /** Incremented when `retire` or `ProcessResources` change in a way that an older copy cannot read. */
  contract: 1
  mode: 'library' | 'register'
  /** Removes its patches, handlers and connections. Returns null if it cannot, because it is in use. */
  retire(): ProcessResources | null
}

/** What this process has of its service. Its members are read by other versions: do not rename them. */
export interface ProcessResources {
  /** The variables that were taken out of `process.env`. */
  environment: Environment
  /** What was taken over from another process. Absent or null if nothing was. */
  taken?: TakenOver | null
  /** Servers that listen already, with the descriptor of the inherited listener that each adopted, if any. */
  servers: { server: net.Server; fd?: number; sockets: net.Socket[] }[]
  /** UDP sockets that read already, with the descriptor that each adopted; absent in versions without UDP. */
  datagrams?: { socket: dgram.Socket; fd: number }[]
  /**
   * Returns the function by which `servers` and `datagrams` accept new connections, or leave them to other processes. A
   * copy that does not call it in the same turn does not know it, and then they accept. Absent in older versions.
   */
  claimAccepting?: () => (accepting: boolean) => boolean
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
