import { closeSync, fstatSync } from 'node:fs'
import type { ListenerSpec } from '../../model/index.js'
import { resolveHost } from '../../adapters/linux/names.js'
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  SOCK_DGRAM,
  SOCK_STREAM,
  SOL_SOCKET,
  SO_ACCEPTCONN,
  SO_TYPE,
} from '#shared/socket-constants.js'
import { PosixError, getsockname, getsockopt, setCloseOnExec } from '../../adapters/linux/posix.js'
import { familyOf, formatInetAddress } from '#shared/socket-address.js'

/** A socket that systemd passed: of a socket unit, or one that an earlier supervisor left in the store. */
export interface InheritedSocket {
  /** FileDescriptorName= of the socket unit, or the listener's name. */
  name: string
  fd: number
  inode: number
  type: ListenerSpec['type']
  /** As a person writes it, like `OpenListener.address`. */
  address: string
  /** The name that it has in systemd's store; null: it is a socket unit's. */
  storeName: string | null
}

const firstDescriptor = 3 // SD_LISTEN_FDS_START

/** What of the passed descriptors can be listened on; `warn` names the others. */
export function readInherited(names: string[], warn: (line: string) => void): InheritedSocket[] {
  return names.flatMap((name, index) => {
    const fd = firstDescriptor + index
    const found = read(name, fd)
    if (typeof found !== 'string') return found
    warn(`descriptor ${fd}, which systemd passed as "${name}", ${found}; it is left alone`)
    return []
  })
}

/** The sentence says what it is instead. */
function read(name: string, fd: number): InheritedSocket | string {
  try {
    const stat = fstatSync(fd)
    if (!stat.isSocket()) return 'is no socket'
    setCloseOnExec(fd, true)
    const address = getsockname(fd)
    const type = typeOf(fd, familyOf(address))
    if (type === null) return 'is a socket that no listener can be: not TCP, UDP or a unix stream socket'
    if (type !== 'udp' && getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN) === 0)
      return 'is a connection, not a listening socket; is Accept=yes set in the socket unit?'
    const common = { fd, inode: stat.ino, type, address: formatAddress(address) }
    return { ...common, ...readStoreName(name, stat.ino) }
  } catch (error) {
    if (error instanceof PosixError) return `cannot be looked at: ${error.message}`
    return 'is not open'
  }
}

function typeOf(fd: number, family: number): ListenerSpec['type'] | null {
  const type = getsockopt(fd, SOL_SOCKET, SO_TYPE)
  if (family === AF_UNIX) return type === SOCK_STREAM ? 'unix' : null
  if (family !== AF_INET && family !== AF_INET6) return null
  return type === SOCK_STREAM ? 'tcp' : type === SOCK_DGRAM ? 'udp' : null
}

function formatAddress(address: Buffer): string {
  if (familyOf(address) !== AF_UNIX) return formatInetAddress(address)
  const bytes = address.subarray(2)
  const abstract = bytes[0] === 0 && bytes.length > 1
  const end = abstract ? -1 : bytes.indexOf(0)
  const path = bytes.toString('utf8', abstract ? 1 : 0, end === -1 ? bytes.length : end)
  return `unix:${abstract ? '@' : ''}${path}`
}

/**
 * FDSTOREREMOVE=1 removes every descriptor of a name, and two services may both have a listener "http": with
 * the socket's inode the name is its own.
 */
export const storeNameOf = (name: string, inode: number): string => `${name}.${inode}`

function readStoreName(name: string, inode: number): { name: string; storeName: string | null } {
  const suffix = `.${inode}`
  if (!name.endsWith(suffix)) return { name, storeName: null }
  return { name: name.slice(0, -suffix.length), storeName: name }
}

/** Whether the socket is bound to what the listener asks for. `::` is `0.0.0.0` on a machine without IPv6. */
export function isBoundTo({ type, address }: InheritedSocket, spec: ListenerSpec): boolean {
  if (type !== spec.type) return false
  if (spec.type === 'unix') return address === `unix:${spec.path}`
  const kind = spec.type === 'tcp' ? SOCK_STREAM : SOCK_DGRAM
  const wanted = [spec.host, ...(spec.host === '::' ? ['0.0.0.0'] : [])].flatMap((host) => {
    const resolved = resolveHost(host, spec.port, kind)
    return resolved.ok ? formatInetAddress(resolved.value) : []
  })
  // Port 0 asks for any: the one that it got once is as good.
  return spec.port === 0
    ? wanted.some((one) => hostOf(one) === hostOf(address))
    : wanted.some((one) => one === address)
}

const hostOf = (address: string): string => address.slice(0, address.lastIndexOf(':'))

export const closeInherited = ({ fd }: InheritedSocket): void => closeSync(fd)
