import fs from 'node:fs'
import type net from 'node:net'
import { handleOf } from '../node/accept-queue.js'
import { defaultBacklog, originalListen } from '../node/original-listen.js'
import { maxUnixPathBytes, unixAddress } from '#shared/socket-address.js'
import { loadKoffi, type Koffi } from '../system/koffi.js'
import { AF_UNIX, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM } from '#shared/socket-constants.js'

/** What becomes of the file of a unix socket that is bound here. */
export interface PathFate {
  /** It may be a successor's as well. */
  readonly passesPaths: boolean
  /** It is. */
  readonly leavesPaths: boolean
}

/**
 * Lets `server` listen at the path of a unix socket, so that `close()` can leave the file to a successor: Node deletes
 * it (libuv, `uv__pipe_close`) where it has bound the socket itself, but not that of a descriptor that it is given.
 *
 * False where Node has to do it: for want of koffi, for an option that only Node knows, or to tell what is wrong.
 */
export function listenAtPath(
  server: net.Server,
  path: string,
  options: net.ListenOptions,
  fate: PathFate,
  callback?: () => void,
): boolean {
  if (!fate.passesPaths) return false
  const { backlog = defaultBacklog, signal, readableAll = false, writableAll = false } = options
  if (readableAll || writableAll || !isFilePath(path)) return false
  const koffi = loadKoffi()
  const fd = koffi === null ? null : bind(koffi, path)
  if (fd === null) return false
  if (callback !== undefined) server.once('listening', callback)
  Object.assign(server, { _pipeName: path }) // `address()` reads it from here
  originalListen.call(server, { fd, ...(signal === undefined ? {} : { signal }) }, backlog)
  removeFileOnClose(server, path, fate)
  return true
}

/**
 * Closes a server whose listening socket another process has as well, so that it can still be found at its path.
 * Where Node deletes the file, a second name of it is put in its place in the same turn: for some 20 microseconds
 * there is no file, and who connects then gets ENOENT.
 */
export function keepPath(server: net.Server, close: () => void): void {
  const path = server.address()
  if (typeof path !== 'string' || path.startsWith('\0')) return close()
  const aside = `${path}.${process.pid}`
  try {
    fs.rmSync(aside, { force: true })
    fs.linkSync(path, aside)
  } catch {
    return close() // the file is gone already
  }
  close()
  if (fs.existsSync(path)) fs.rmSync(aside)
  else fs.renameSync(aside, path)
}

function removeFileOnClose(server: net.Server, path: string, fate: PathFate): void {
  const handle = handleOf(server)
  if (handle === null) return
  const close = handle.close.bind(handle)
  handle.close = (...args) => {
    close(...args)
    if (!fate.leavesPaths) fs.rmSync(path, { force: true })
  }
}

/** The descriptor; null on every error. */
function bind(koffi: Koffi, path: string): number | null {
  const libc = koffi.load(null)
  const socket = libc.func('int socket(int, int, int)')
  const bind = libc.func('int bind(int, const void *, unsigned int)')
  const fd = Number(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0))
  if (fd < 0) return null
  const address = unixAddress(path)
  if (Number(bind(fd, address, address.length)) === 0) return fd
  fs.closeSync(fd)
  return null
}

/** unix(7): neither abstract, nor longer than an address is. */
const isFilePath = (path: string): boolean =>
  /^[^\0@]/.test(path) && Buffer.byteLength(path) <= maxUnixPathBytes
