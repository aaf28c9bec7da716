import {
  chmodSync,
  chownSync,
  closeSync,
  fchmodSync,
  linkSync,
  lstatSync,
  renameSync,
  unlinkSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import type { ListenerSpec, Result } from '../../model/index.js'
import { failed, ok } from '../../model/index.js'
import type { FileIdentity } from '../linux/file-identity.js'
import { identify, unlinkIfOurs } from '../linux/file-identity.js'
import { groupId, userId } from '../linux/names.js'
import { AF_UNIX, SOCK_STREAM } from '#shared/socket-constants.js'
import { PosixError, bind, connect, errorCode, listen, socket } from '../linux/posix.js'
import type { Bound } from './bound.js'
import { describeOwner, unixSocketInode } from '../linux/socket-owner.js'
import { maxUnixPathBytes, unixAddress } from '#shared/socket-address.js'

type UnixSpec = Extract<ListenerSpec, { type: 'unix' }>

/**
 * Opens a listening unix socket. No process can connect before it has the requested mode and owner. Replaces a socket
 * file that a dead program left, but neither one in use nor any other file.
 */
export function bindUnix(spec: UnixSpec): Result<Bound> {
  const length = Buffer.byteLength(spec.path)
  if (length > maxUnixPathBytes) {
    return failed(
      'Usage',
      `the path "${spec.path}" has ${length} bytes, wanted at most ${maxUnixPathBytes} for a unix socket`,
    )
  }
  const owner = ownerOf(spec)
  if (!owner.ok) return owner
  try {
    const free = removeStale(spec.path)
    return free.ok ? ok(bindTo(spec, owner.value)) : free
  } catch (error) {
    return failed('Usage', explain(errorCode(error), spec.path))
  }
}

interface Owner {
  uid: number
  gid: number
}

function ownerOf(spec: UnixSpec): Result<Owner> {
  const uid = spec.user === undefined ? ok(-1) : userId(spec.user) // -1: chown(2) leaves it as it is
  if (!uid.ok) return uid
  const gid = spec.group === undefined ? ok(-1) : groupId(spec.group)
  return gid.ok ? ok({ uid: uid.value, gid: gid.value }) : gid
}

function bindTo({ path, mode, backlog }: UnixSpec, { uid, gid }: Owner): Bound {
  const fd = socket(AF_UNIX, SOCK_STREAM)
  let file: FileIdentity | null = null
  try {
    // The file gets the socket's mode minus the umask (unix_bind in the kernel): only the supervisor's user can
    // connect until owner and mode are set.
    fchmodSync(fd, 0o600)
    bind(fd, unixAddress(path))
    file = identify(path)
    chownSync(path, uid, gid)
    chmodSync(path, mode)
    listen(fd, backlog)
    return { fd, address: `unix:${path}`, ...(file && { file }) }
  } catch (error) {
    if (file) unlinkIfOurs(file)
    closeSync(fd)
    throw error
  }
}

/** Removes a socket file that a dead program left at the path. Fails with `Usage` if anything else is there. */
function removeStale(path: string): Result<null> {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (!found) return ok(null)
  if (!found.isSocket()) return failed('Usage', `"${path}" exists and is not a socket; it is left as it is`)
  if (isAlive(path)) {
    return failed('Usage', `the socket "${path}" is in use${describeOwner(unixSocketInode(path))}`)
  }
  return setAside({ path, dev: found.dev, ino: found.ino })
}

/**
 * Deletes exactly that file, which another program may have replaced meanwhile. Renames it first, which is atomic, and
 * compares; another file is moved back.
 */
function setAside(stale: FileIdentity): Result<null> {
  const aside = join(dirname(stale.path), `.stale-${process.pid}`)
  renameSync(stale.path, aside)
  const moved = lstatSync(aside)
  if (moved.dev === stale.dev && moved.ino === stale.ino) {
    unlinkSync(aside)
    return ok(null)
  }
  linkSync(aside, stale.path)
  unlinkSync(aside)
  return failed('Usage', `the socket "${stale.path}" was taken by another program just now`)
}

/** Whether a program listens at the path. Otherwise connect(2) fails with ECONNREFUSED (unix(7)). */
function isAlive(path: string): boolean {
  const probe = socket(AF_UNIX, SOCK_STREAM)
  try {
    connect(probe, unixAddress(path))
    return true
  } catch (error) {
    if (!(error instanceof PosixError)) throw error
    // EAGAIN: its queue is full. EPROTOTYPE: it is a datagram socket. EACCES: unknown.
    return error.code !== 'ECONNREFUSED'
  } finally {
    closeSync(probe)
  }
}

function explain(code: string, path: string): string {
  switch (code) {
    case 'ENOENT':
      return `the folder "${dirname(path)}" does not exist`
    case 'EACCES':
      return `no permission to create a socket in "${dirname(path)}"`
    case 'EPERM':
      return `the owner of "${path}" cannot be changed: only root can do that`
    case 'EADDRINUSE':
      return `the socket "${path}" is in use${describeOwner(unixSocketInode(path))}`
    default:
      return `a socket at "${path}" cannot be listened on: ${code}`
  }
}
