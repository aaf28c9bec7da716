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
   * Releases the sockets that no listener uses. One from the store is closed and removed. One from a socket unit stays
   * open, since a later configuration may add its service. The result has a sentence for each of those.
   */
  settle(): string[]
}

/**
 * Adds the service manager to `sockets`. A listener uses a socket that was passed instead of binding a new one. A
 * newly bound socket goes into the store, so that its queue of connections survives even if the supervisor and
 * all instances are killed together.
 *
 * `configured` returns every listener of the configuration: a socket that is bound to the address of one of them
 * is not used for another listener just because of its name.
 */
export function passedSockets(
  sockets: RecoverableSockets,
  passed: InheritedSocket[],
  store: DescriptorStore,
  configured: () => ListenerSpec[],
): ServiceManagerSockets {
  const free = new Set(passed)
  /** By descriptor: a listener can get another name. */
  const claimed = new Map<number, { socket: InheritedSocket; file: FileIdentity | null }>()
  /** The names in the store of what was not claimed from it. */
  const stored = new Map<number, string>()

  function claim(socket: InheritedSocket, name: string, spec: ListenerSpec): Listener {
    free.delete(socket)
    const { fd, inode, address } = socket
    const listener: Listener = { name, spec, fd, inode, address }
    // systemd deletes the file of a socket unit.
    const ours = socket.storeName !== null && spec.type === 'unix'
    claimed.set(fd, { socket, file: ours ? identify(spec.path) : null })
    return listener
  }

  function keep(result: Result<Listener>): Result<Listener> {
    if (!result.ok) return result
    const { name, inode, fd } = result.value
    stored.set(fd, storeNameOf(name, inode))
    store.keep(storeNameOf(name, inode), fd)
    return result
  }

  return {
    listen(name, spec) {
      const match = findPassed([...free], name, spec, configured())
      if (!match.ok) return match
      return match.value ? ok(claim(match.value, name, spec)) : keep(sockets.listen(name, spec))
    },
    holder: (address) => sockets.holder(address),
    isWaitedOn: (listener) => sockets.isWaitedOn(listener),
    checkFile: (listener) => sockets.checkFile(listener),
    take(bound, group, known) {
      const taken = sockets.take(bound, group, known)
      if (taken.ok && taken.value.listener) keep(ok(taken.value.listener))
      return taken
    },
    findBound(address, known, groups) {
      const found = sockets.findBound(address, known, groups)
      if (found !== null && !known.includes(found)) keep(ok(found))
      return found
    },
    recover(lost, holders) {
      const same = [...free].find(({ inode }) => inode === lost.inode)
      if (same) return ok({ ...lost, ...claim(same, lost.name, lost.spec) })
      return keep(sockets.recover(lost, holders))
    },
    join: (listener) => sockets.join(listener),
    group: (listener) => sockets.group(listener),
    waiting: (listener) => sockets.waiting(listener),
    steer: (listener, among) => sockets.steer(listener, among),
    rejoin: (...group) => sockets.rejoin(...group),
    disband: (listener) => sockets.disband(listener),
    close(listener) {
      sockets.disband(listener)
      const taken = claimed.get(listener.fd)
      const storeName = taken ? taken.socket.storeName : (stored.get(listener.fd) ?? null)
      claimed.delete(listener.fd)
      stored.delete(listener.fd)
      if (storeName !== null) store.remove(storeName)
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

/**
 * A socket with the listener's address, preferably also with its name, else a socket unit's with its name. Null if a
 * new socket must be bound.
 */
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
    `listener "${name}": systemd passed ${has} (${byName.address}) with this name, wanted ${wants}`,
  )
}

const described = { tcp: 'a TCP socket', udp: 'a UDP socket', unix: 'a unix socket' }

/** A stored unix socket cannot be reached once its file was deleted. */
const isReachable = (spec: ListenerSpec): boolean =>
  spec.type !== 'unix' || lstatSync(spec.path, { throwIfNoEntry: false })?.isSocket() === true
