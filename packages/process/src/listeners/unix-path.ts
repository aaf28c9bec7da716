import fs from 'node:fs'
import type net from 'node:net'
import { dirname, join } from 'node:path'
import { listenHandleOf } from '../node/handle.js'
import { defaultBacklog, originalListen } from '../node/original-listen.js'
import { maxUnixPathBytes, unixAddress } from '#shared/socket-address.js'
import { loadKoffi, type Koffi } from '../system/koffi.js'
import { AF_UNIX, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM } from '#shared/socket-constants.js'

/** Whether the file of a unix socket that this process has bound stays when the server is closed. */
export interface UnixPathPolicy {
  /** A successor may get the socket. */
  readonly passesPaths: boolean
  /** A successor has got the socket, so the file stays. Changes to true during an upgrade. */
  readonly leavesPaths: boolean
}

/**
 * Lets `server` listen at the path of a unix socket, so that `close()` can leave the file to a successor. Node deletes
 * the file if it has bound the socket itself (libuv, `uv__pipe_close`), but not if it was given a descriptor.
 *
 * Returns false if it did nothing and Node must bind: koffi is missing, an option is set that only Node supports, or
 * the call failed and Node will report the error.
 */
export function listenAtPath(
  server: net.Server,
  path: string,
  options: net.ListenOptions,
  policy: UnixPathPolicy,
  callback?: () => void,
): boolean {
  if (!policy.passesPaths) return false
  const { backlog = defaultBacklog, signal, readableAll = false, writableAll = false } = options
  if (readableAll || writableAll || !isFilePath(path)) return false
  const koffi = loadKoffi()
  const fd = koffi === null ? -1 : bindPath(koffi, path)
  if (fd < 0) return false
  if (callback !== undefined) server.once('listening', callback)
  Object.assign(server, { _pipeName: path }) // `address()` reads it from here
  originalListen.call(server, { fd, ...(signal === undefined ? {} : { signal }) }, backlog)
  removeFileOnClose(server, path, policy)
  return true
}

/**
 * Runs `close`, which closes a server, and keeps the file of its unix socket, which another process still listens on.
 * If Node deletes the file, a second hard link replaces it in the same turn. For about 20 microseconds there is no
 * file, and a client that connects then gets ENOENT.
 */
export function closeAndKeepPath(server: net.Server, close: () => void): void {
  const path = server.address()
  if (typeof path !== 'string' || path.startsWith('\0')) return close()
  keepFile(path, close)
}

/** Runs `close` as above. */
export function keepFile(path: string, close: () => void): void {
  const aside = `${path}.${process.pid}`
  try {
    fs.rmSync(aside, { force: true })
    fs.linkSync(path, aside)
  } catch {
    return close() // the file has already been removed
  }
  close()
  if (fs.existsSync(path)) fs.rmSync(aside)
  else fs.renameSync(aside, path)
}

function removeFileOnClose(server: net.Server, path: string, policy: UnixPathPolicy): void {
  const handle = listenHandleOf(server)
  if (handle === null) return
  const close = handle.close.bind(handle)
  handle.close = (...args) => {
    close(...args)
    if (!policy.leavesPaths) fs.rmSync(path, { force: true })
  }
}

/** Returns the descriptor, or the negative errno. */
export function bindPath(koffi: Koffi, path: string): number {
  const libc = koffi.load(null)
  const socket = libc.func('int socket(int, int, int)')
  const bind = libc.func('int bind(int, const void *, unsigned int)')
  const fd = Number(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0))
  if (fd < 0) return -koffi.errno()
  const address = unixAddress(path)
  if (Number(bind(fd, address, address.length)) === 0) return fd
  const errno = koffi.errno()
  fs.closeSync(fd)
  return -errno
}

/**
 * The path at which a socket is bound that gets its name only when it listens: between bind(2) and listen(2) a connection
 * is refused. A suffix could make the path too long for an address (unix(7)).
 */
export const asideOf = (path: string): string => join(dirname(path), `.${process.pid}`)

/** Whether it is not abstract, and short enough for an address (unix(7)). */
export const isFilePath = (path: string): boolean =>
  /^[^\0@]/.test(path) && Buffer.byteLength(path) <= maxUnixPathBytes
