import fs from 'node:fs'
import type net from 'node:net'
import { descriptorOf } from '../node/handle.js'
import type { Announcer } from './announcer.js'
import { boundName, isBoundName } from '../listeners/bound-name.js'
import type { InheritedListener } from '../listeners/inherited.js'

/**
 * Lets systemd store a copy of a TCP listener that this process has bound (FDSTORE=1), if the unit allows it
 * (FileDescriptorStoreMax=): when the process is killed or restarted, clients wait in the queue for the next one, which
 * gets the listener back. Not for a unix socket: Node deletes its file when it closes, so no client could connect.
 */
export function keepListener(announcer: Announcer, server: net.Server, isDraining: () => boolean): void {
  const address = server.address()
  const fd = descriptorOf(server)
  if (fd < 0 || address === null || typeof address === 'string') return
  const name = boundName(address)
  announcer.keep(name, fd)
  server.once('close', () => {
    if (!isDraining()) announcer.forget(name)
  })
}

/**
 * Closes the stored listeners that this process does not use, and removes them from the store: their clients would wait
 * forever. Returns the other unused ones.
 */
export function forgetUnused(announcer: Announcer, unused: InheritedListener[]): InheritedListener[] {
  const stored = unused.filter(({ name }) => isBoundName(name))
  for (const { name, fd } of stored) {
    announcer.forget(name)
    fs.closeSync(fd)
  }
  return unused.filter((listener) => !stored.includes(listener))
}
