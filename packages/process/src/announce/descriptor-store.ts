import fs from 'node:fs'
import type net from 'node:net'
import { handleOf } from '../node/accept-queue.js'
import type { Announcer } from './announcer.js'
import { boundName, isBoundName } from '../listeners/bound-name.js'
import type { InheritedListener } from '../listeners/inherited.js'

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

/** What an earlier process had bound and this one does not want: its clients would wait for ever. */
export function forgetUnused(announcer: Announcer, unused: InheritedListener[]): InheritedListener[] {
  const kept = unused.filter(({ name }) => isBoundName(name))
  for (const { name, fd } of kept) {
    announcer.forget(name)
    fs.closeSync(fd)
  }
  return unused.filter((listener) => !kept.includes(listener))
}
