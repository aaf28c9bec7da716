import dns from 'node:dns'
import net from 'node:net'
import { inetAddress } from '#shared/socket-address.js'
import { defaultBacklog, originalListen } from '../node/original-listen.js'
import { errorName } from '#shared/errno.js'
import { HandoverError } from '../protocol/errors.js'
import { loadKoffi, type Koffi } from '../system/koffi.js'
import {
  AF_INET,
  AF_INET6,
  IPPROTO_IPV6,
  IPV6_V6ONLY,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
  SO_REUSEADDR,
  SO_REUSEPORT,
} from '#shared/socket-constants.js'

interface ReusePortOptions extends net.ListenOptions {
  port: number
}

/**
 * From Node 22.12 and 23.1 on, `listen` has an option for SO_REUSEPORT. Older versions need koffi.
 *
 * @throws HandoverError `ERR_HANDOVER_REUSE_PORT` when both are missing
 */
export function checkReusePort(): void {
  if (isBuiltIn || loadKoffi() !== null) return
  throw new HandoverError(
    'ERR_HANDOVER_REUSE_PORT',
    `upgradeStrategy is "reusePort", which needs Node 22.12 (this is ${process.version}) or the package koffi`,
  )
}

/**
 * Lets `server` listen on an address on which other processes of the same user can listen too, each on a socket of its
 * own (SO_REUSEPORT, socket(7)). Through koffi, only `host`, `port`, `backlog`, `ipv6Only` and `signal` are supported.
 */
export function listenWithReusePort(
  server: net.Server,
  options: ReusePortOptions,
  callback?: () => void,
): void {
  if (callback !== undefined) server.once('listening', callback)
  const koffi = isBuiltIn ? null : loadKoffi()
  if (koffi === null)
    return void originalListen.call(server, { ...options, reusePort: true } as ReusePortOptions)
  const { host } = options
  if (host === undefined || net.isIP(host) !== 0) return bindAndListen(server, koffi, options, host)
  dns.lookup(host, (error, address) => {
    if (error === null) bindAndListen(server, koffi, options, address)
    else server.emit('error', error)
  })
}

function bindAndListen(
  server: net.Server,
  koffi: Koffi,
  options: ReusePortOptions,
  host: string | undefined,
): void {
  const { backlog = defaultBacklog, port, signal } = options
  const fd = bind(koffi, options, host ?? '::')
  const bound = fd < 0 && host === undefined ? bind(koffi, options, '0.0.0.0') : fd // this machine has no IPv6
  if (bound >= 0) {
    originalListen.call(server, { fd: bound, ...(signal === undefined ? {} : { signal }) }, backlog)
    return
  }
  process.nextTick(() => server.emit('error', bindError(-bound, host ?? '::', port)))
}

/** Returns the descriptor, or the negative errno. */
function bind(koffi: Koffi, { port, ipv6Only = false }: ReusePortOptions, host: string): number {
  const libc = koffi.load(null)
  const socket = libc.func('int socket(int, int, int)')
  const setsockopt = libc.func('int setsockopt(int, int, int, const void *, unsigned int)')
  const bind = libc.func('int bind(int, const void *, unsigned int)')
  const close = libc.func('int close(int)')
  const isIPv6 = net.isIPv6(host)
  const fd = Number(socket(isIPv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0))
  if (fd < 0) return -koffi.errno()
  const set = (level: number, option: number, value: number): boolean =>
    Number(setsockopt(fd, level, option, Buffer.from(new Int32Array([value]).buffer), 4)) === 0
  const address = inetAddress(host, port)
  const done =
    set(SOL_SOCKET, SO_REUSEADDR, 1) &&
    set(SOL_SOCKET, SO_REUSEPORT, 1) &&
    (!isIPv6 || set(IPPROTO_IPV6, IPV6_V6ONLY, ipv6Only ? 1 : 0)) &&
    Number(bind(fd, address, address.length)) === 0
  if (done) return fd
  const errno = koffi.errno()
  close(fd)
  return -errno
}

/** The same error as Node's. */
function bindError(errno: number, address: string, port: number): Error {
  const code = errorName(errno)
  return Object.assign(new Error(`listen ${code}: ${address}:${port}`), {
    code,
    errno: -errno,
    syscall: 'listen',
    address,
    port,
  })
}

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
const isBuiltIn = major >= 24 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12)
