import { closeSync, fstatSync } from 'node:fs'
import type { ListenerSpec, Result } from '../../model/index.js'
import { failed, ok } from '../../model/index.js'
import type { Listener, RecoverableSockets } from '../../ports.js'
import { identify } from '../linux/file-identity.js'
import { isReadable } from '../linux/posix.js'
import type { Bound } from './bound.js'
import { socketHolder } from '../linux/socket-owner.js'
import { findBound } from './find-bound.js'
import { bindInet } from './inet.js'
import { socketGroups } from './groups.js'
import type { KeptFile } from './kept-file.js'
import { findFile, keepFile } from './kept-file.js'
import { takeBack } from './recover.js'
import { takeBound } from './take.js'
import { bindUnix } from './unix.js'

/**
 * The supervisor's listening sockets, created by direct system calls: `net.Server.listen` would also accept, and so
 * take connections that are meant for the instances.
 */
export function openSockets(): RecoverableSockets {
  /** By descriptor: a listener can get another name. */
  const files = new Map<number, KeptFile>()
  const groups = socketGroups()
  const rememberFile = (listener: Listener, find = identify) => {
    const file = listener.spec.type === 'unix' ? find(listener.spec.path) : null
    if (file) files.set(listener.fd, keepFile(file))
  }
  return {
    listen(name, spec) {
      const bound = bindSocket(spec)
      if (!bound.ok) return prefixed(name, bound)
      const { fd, address, file } = bound.value
      const listener: Listener = { name, spec, fd, address, inode: fstatSync(fd).ino }
      if (file) files.set(listener.fd, keepFile(file))
      return ok(listener)
    },
    take(bound, group, known) {
      const taken = takeBound(bound, group, known)
      if (taken.ok && taken.value.listener) rememberFile(taken.value.listener)
      return taken
    },
    findBound(address, known, groups) {
      const found = findBound(address, known, groups)
      if (found !== null && !known.includes(found)) rememberFile(found)
      return found
    },
    recover(lost, holders) {
      // The instances may have no copy of the listener's own socket, only of others of its group.
      const inodes = [lost.inode, ...(lost.group ?? []).map(({ inode }) => inode)]
      const fd = inodes.reduce<number | null>((found, inode) => found ?? takeBack(inode, holders), null)
      if (fd === null) {
        const message = `listener "${lost.name}" on ${lost.address} cannot be taken back from the instances`
        return failed('Refused', message)
      }
      const { group: _, ...same } = lost
      const listener: Listener = { ...same, fd, inode: fstatSync(fd).ino }
      rememberFile(listener, findFile)
      return ok(listener)
    },
    join: (listener) => groups.join(listener),
    group: (listener) => groups.group(listener),
    waiting: (listener) => groups.waiting(listener),
    steer: (listener, sockets) => groups.steer(listener, sockets),
    rejoin(listener, members, holders, receivers) {
      const others = members.filter(({ inode }) => inode !== listener.inode)
      groups.rejoin(
        listener,
        others.flatMap(({ inode }) => takeBack(inode, holders) ?? []),
        receivers,
      )
    },
    disband: (listener) => groups.close(listener),
    holder: socketHolder,
    isWaitedOn: ({ fd }) => isReadable(fd),
    checkFile({ fd, spec }) {
      const isMissing = () => spec.type === 'unix' && identify(spec.path) === null
      return files.get(fd)?.look() ?? (isMissing() ? 'gone' : 'there')
    },
    close(listener) {
      groups.close(listener)
      files.get(listener.fd)?.remove()
      files.delete(listener.fd)
      closeSync(listener.fd)
    },
  }
}

function bindSocket(spec: ListenerSpec): Result<Bound> {
  switch (spec.type) {
    case 'tcp':
    case 'udp':
      return bindInet(spec)
    case 'unix':
      return bindUnix(spec)
  }
}

function prefixed(name: string, result: Extract<Result<Bound>, { ok: false }>): Result<never> {
  const { failure } = result
  return { ok: false, failure: { ...failure, message: `listener "${name}": ${failure.message}` } }
}
