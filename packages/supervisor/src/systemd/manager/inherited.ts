import { closeSync, fstatSync } from 'node:fs'
import type { ListenerSpec } from '../../model/index.js'
import { resolveHost } from '../../adapters/linux/names.js'
import { AF_UNIX, SOCK_DGRAM, SOCK_STREAM, SOL_SOCKET, SO_ACCEPTCONN } from '#shared/socket-constants.js'
import { PosixError, getsockname, getsockopt, setCloseOnExec } from '../../adapters/linux/posix.js'
import { socketType } from '../../adapters/linux/socket-type.js'
import { familyOf, formatInetAddress } from '#shared/socket-address.js'

/** A socket that systemd passed: from a socket unit, or stored by an earlier supervisor. */
export interface InheritedSocket {
  /** FileDescriptorName= of the socket unit, or the listener's name. */
  name: string
  fd: number
  inode: number
  type: ListenerSpec['type']
  /** For people, like `OpenListener.address`. */
  address: string
  /** Its name in systemd's store. Null if it comes from a socket unit. */
  storeName: string | null
}

const firstDescriptor = 3 // SD_LISTEN_FDS_START

/** The passed descriptors that are usable as listeners. Calls `warn` for each of the others. */
export function readInherited(names: string[], warn: (line: string) => void): InheritedSocket[] {
  return names.flatMap((name, index) => {
    const fd = firstDescriptor + index
    const found = read(name, fd)
    if (typeof found !== 'string') return found
    warn(`descriptor ${fd}, which systemd passed as "${name}", ${found}; it is not used`)
    return []
  })
}

/** The socket, or the reason why it cannot be a listener. */
function read(name: string, fd: number): InheritedSocket | string {
  try {
    const stat = fstatSync(fd)
    if (!stat.isSocket()) return 'is not a socket'
    setCloseOnExec(fd, true)
    const address = getsockname(fd)
    const type = socketType(fd, address)
    if (type === null) return 'is a socket of another type, wanted TCP, UDP or a unix stream socket'
    if (type !== 'udp' && getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN) === 0)
      return 'is a connection, not a listening socket; is Accept=yes set in the socket unit?'
    const common = { fd, inode: stat.ino, type, address: formatAddress(address) }
    return { ...common, ...readStoreName(name, stat.ino) }
  } catch (error) {
    if (error instanceof PosixError) return `cannot be inspected: ${error.message}`
    return 'is not open'
  }
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
 * Unique name in the store. FDSTOREREMOVE=1 removes every descriptor with a name, and two services may both have
 * a listener "http", so the socket's inode is added.
 */
export const storeNameOf = (name: string, inode: number): string => `${name}.${inode}`

function readStoreName(name: string, inode: number): { name: string; storeName: string | null } {
  const suffix = `.${inode}`
  if (!name.endsWith(suffix)) return { name, storeName: null }
  return { name: name.slice(0, -suffix.length), storeName: name }
}

/** Whether the socket is bound to the listener's address. On a machine without IPv6, `::` means `0.0.0.0`. */
export function isBoundTo({ type, address }: InheritedSocket, spec: ListenerSpec): boolean {
  if (type !== spec.type) return false
  if (spec.type === 'unix') return address === `unix:${spec.path}`
  const kind = spec.type === 'tcp' ? SOCK_STREAM : SOCK_DGRAM
  const wanted = [spec.host, ...(spec.host === '::' ? ['0.0.0.0'] : [])].flatMap((host) => {
    const resolved = resolveHost(host, spec.port, kind)
    return resolved.ok ? formatInetAddress(resolved.value) : []
  })
  // Port 0 accepts any port, so also the one that the socket already has.
  return spec.port === 0
    ? wanted.some((one) => hostOf(one) === hostOf(address))
    : wanted.some((one) => one === address)
}

const hostOf = (address: string): string => address.slice(0, address.lastIndexOf(':'))

export const closeInherited = ({ fd }: InheritedSocket): void => closeSync(fd)
