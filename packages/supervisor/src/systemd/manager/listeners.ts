import { closeSync, lstatSync } from 'node:fs'
import type { ListenerSpec, Result } from '../../model/index.js'
import { failed, ok } from '../../model/index.js'
import type { Listener, RecoverableSockets } from '../../ports.js'
import type { FileIdentity } from '../../adapters/linux/file-identity.js'
import { identify, unlinkIfOurs } from '../../adapters/linux/file-identity.js'
import type { InheritedSocket } from './inherited.js'
import { closeInherited, isBoundTo, storeNameOf } from './inherited.js'

/** systemd's file descriptor store (FDSTORE=1 of sd_notify(3)). */
export interface DescriptorStore {
  keep(storeName: string, fd: number): void
  remove(storeName: string): void
}

export interface ServiceManagerSockets extends RecoverableSockets {
  /**
   * Forgets what was passed and no listener has taken: of the store it is removed; a socket unit's stays
   * open, for a service that a later configuration may add. Gives a sentence for each.
   */
  settle(): string[]
}

/**
 * The supervisor's listeners where a service manager passes some and keeps the others: what was passed is
 * listened on instead of binding anew; what is bound anew is put into the store, so that the queue of its
 * connections outlives even the supervisor and all instances killed together.
 *
 * `configured`: every listener of the configuration; a socket that is bound to the address of one of them is
 * not given to another for its name's sake.
 */
export function passedSockets(
  sockets: RecoverableSockets,
  passed: InheritedSocket[],
  store: DescriptorStore,
  configured: () => ListenerSpec[],
): ServiceManagerSockets {
  const free = new Set(passed)
  const claimed = new Map<Listener, { socket: InheritedSocket; file: FileIdentity | null }>()

  function claim(socket: InheritedSocket, name: string, spec: ListenerSpec): Listener {
    free.delete(socket)
    const { fd, inode, address } = socket
    const listener: Listener = { name, spec, fd, inode, address }
    // The file of a socket unit is systemd's to delete.
    const ours = socket.storeName !== null && spec.type === 'unix'
    claimed.set(listener, { socket, file: ours ? identify(spec.path) : null })
    return listener
  }

  function keep(result: Result<Listener>): Result<Listener> {
    if (result.ok) store.keep(storeNameOf(result.value.name, result.value.inode), result.value.fd)
    return result
  }

  return {
    listen(name, spec) {
      const match = findPassed([...free], name, spec, configured())
      if (!match.ok) return match
      return match.value ? ok(claim(match.value, name, spec)) : keep(sockets.listen(name, spec))
    },
    recover(lost, holders) {
      const same = [...free].find(({ inode }) => inode === lost.inode)
      if (same) return ok(claim(same, lost.name, lost.spec))
      return keep(sockets.recover(lost, holders))
    },
    close(listener) {
      const taken = claimed.get(listener)
      claimed.delete(listener)
      if (!taken || taken.socket.storeName !== null) store.remove(storeNameOf(listener.name, listener.inode))
      if (!taken) return sockets.close(listener)
      if (taken.file) unlinkIfOurs(taken.file)
      closeSync(listener.fd)
    },
    settle() {
      const left = [...free]
      for (const socket of left) {
        if (socket.storeName === null) continue
        free.delete(socket)
        store.remove(socket.storeName)
        closeInherited(socket)
      }
      return left
        .filter(({ storeName }) => storeName === null)
        .map(({ name, address }) => `systemd passed "${name}" (${address}), which is no service's listener`)
    },
  }
}

/** Name and address; else a socket unit's by its name; else by its address. Null: it is to be bound. */
function findPassed(
  free: InheritedSocket[],
  name: string,
  spec: ListenerSpec,
  configured: ListenerSpec[],
): Result<InheritedSocket | null> {
  const bound = free.filter((socket) => isBoundTo(socket, spec) && isReachable(spec))
  const byAddress = bound.find((socket) => socket.name === name) ?? bound[0]
  if (byAddress) return ok(byAddress)
  const another = (socket: InheritedSocket) => configured.some((other) => isBoundTo(socket, other))
  const byName = free.find((socket) => socket.name === name && socket.storeName === null && !another(socket))
  if (!byName) return ok(null)
  if (byName.type === spec.type) return ok(byName)
  const [has, wants] = [described[byName.type], described[spec.type]]
  return failed(
    'Usage',
    `listener "${name}": systemd passed ${has} (${byName.address}) of that name, ${wants} was expected`,
  )
}

const described = { tcp: 'a TCP socket', udp: 'a UDP socket', unix: 'a unix socket' }

/** A stored unix socket whose file was deleted is bound to a path that leads nowhere. */
const isReachable = (spec: ListenerSpec): boolean =>
  spec.type !== 'unix' || lstatSync(spec.path, { throwIfNoEntry: false })?.isSocket() === true
