import fs from 'node:fs'
import type net from 'node:net'
import { handleOf } from '../node/accept-queue.js'
import type { Announcer } from './announcer.js'
import type { InheritedListener } from '../listeners/inherited.js'

/** Tells what we bound from what a socket unit passes, whose name is the administrator's choice. */
const prefix = 'bound-'

/**
 * Has systemd keep a copy of a TCP listener that was bound here (FDSTORE=1), where the unit allows for it
 * (FileDescriptorStoreMax=): a process that is killed, or restarted, refuses nobody, as the next one gets it back.
 * Not a unix socket: Node deletes its file when it closes, and nobody finds the way to it any more.
 */
export function keepListener(announcer: Announcer, server: net.Server, isDraining: () => boolean): void {
  const address = server.address()
  const fd = handleOf(server)?.fd
  if (fd === undefined || fd < 0 || address === null || typeof address === 'string') return
  const name = boundName(address)
  announcer.keep(name, fd)
  server.once('close', () => {
    if (!isDraining()) announcer.forget(name)
  })
}

/** FDNAME= and LISTEN_FDNAMES take no colon. The listener is found by its address, not by this. */
export function boundName(address: net.AddressInfo | string): string {
  const text = typeof address === 'string' ? address : `${address.address}-${address.port}`
  return `${prefix}${text.replaceAll(':', '_')}`
}

/** Of a listener that a process of this library has bound itself. */
export const isBoundName = (name: string): boolean => name.startsWith(prefix)

/** What an earlier process had bound and this one does not want: its clients would wait for ever. */
export function forgetUnused(announcer: Announcer, unused: InheritedListener[]): InheritedListener[] {
  const kept = unused.filter(({ name }) => isBoundName(name))
  for (const { name, fd } of kept) {
    announcer.forget(name)
    fs.closeSync(fd)
  }
  return unused.filter((listener) => !kept.includes(listener))
}
