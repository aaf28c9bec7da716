import { closeSync, fstatSync } from 'node:fs'
import type { ListenerSpec, Result } from '../../model/index.js'
import { failed, ok } from '../../model/index.js'
import type { Listener, RecoverableSockets } from '../../ports.js'
import type { FileIdentity } from '../linux/file-identity.js'
import { identify, unlinkIfOurs } from '../linux/file-identity.js'
import type { Bound } from './bound.js'
import { bindInet } from './inet.js'
import { takeBack } from './recover.js'
import { takeBound } from './take.js'
import { bindUnix } from './unix.js'

/**
 * The supervisor's listening sockets, created by direct system calls: `net.Server.listen` would also accept, and so
 * take connections that are meant for the instances.
 */
export function openSockets(): RecoverableSockets {
  const files = new Map<Listener, FileIdentity>()
  return {
    listen(name, spec) {
      const bound = bindSocket(spec)
      if (!bound.ok) return prefixed(name, bound)
      const { fd, address, file } = bound.value
      const listener: Listener = { name, spec, fd, address, inode: fstatSync(fd).ino }
      if (file) files.set(listener, file)
      return ok(listener)
    },
    take(bound, group, known) {
      const taken = takeBound(bound, group, known)
      const listener = taken.ok ? taken.value : null
      const file = listener?.spec.type === 'unix' ? identify(listener.spec.path) : null
      if (listener && file) files.set(listener, file)
      return taken
    },
    recover(lost, holders) {
      const fd = takeBack(lost.inode, holders)
      if (fd === null) {
        const message = `listener "${lost.name}" on ${lost.address} cannot be taken back from the instances`
        return failed('Refused', message)
      }
      const listener: Listener = { ...lost, fd }
      const file = lost.spec.type === 'unix' ? identify(lost.spec.path) : null
      if (file) files.set(listener, file)
      return ok(listener)
    },
    close(listener) {
      const file = files.get(listener)
      files.delete(listener)
      if (file) unlinkIfOurs(file)
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
