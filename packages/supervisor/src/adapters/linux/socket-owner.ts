import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { formatIp, fromProcNet, ipBytes, toProcNet, toProcNetPort } from '#shared/ip-address.js'
import { procStat } from '#shared/proc-stat.js'
import type { Address, SocketHolder } from '../../ports.js'
import { socketOwner } from './proc.js'

/** ` by nginx (pid 812)`, or an empty string if /proc does not show the owner. */
export function describeOwner(inode: number | null): string {
  const owner = inode === null ? null : socketOwner(inode)
  return owner ? ` by ${owner.name} (pid ${owner.pid})` : ''
}

/** The process that listens on the address, or has bound it for UDP. Null if /proc does not show one. */
export function socketHolder(address: Address): SocketHolder | null {
  const inode = address.type === 'unix' ? unixSocketInode(address.path) : inetInodeOf(address)
  const owner = inode === null ? null : socketOwner(inode)
  if (inode === null || owner === null) return null
  return { inode, ...owner, group: procStat(owner.pid)?.group ?? owner.pid }
}

/** A worker of a node:cluster calls TCP sockets what others call UDP sockets: both `bind`. */
const inetInodeOf = ({ type, host, port }: Exclude<Address, { type: 'unix' }>): number | null =>
  inetSocketInode(type, port, host) ?? inetSocketInode(type === 'tcp' ? 'udp' : 'tcp', port, host)

/**
 * The inode of the socket that is bound to the port. For TCP, only a listening socket counts. `host`: an IP address;
 * sockets on another address are not meant. Default: any.
 */
export function inetSocketInode(type: 'tcp' | 'udp', port: number, host?: string): number | null {
  const portHex = toProcNetPort(port)
  for (const table of [type, `${type}6`]) {
    for (const fields of rows(`/proc/net/${table}`)) {
      const [, local = '', , state] = fields
      const listens = type === 'udp' || state === '0A' // TCP_LISTEN
      const [address = '', ownPort] = local.split(':')
      if (listens && ownPort === portHex && overlaps(address, host)) return Number(fields[9])
    }
  }
  return null
}

/** Whether a socket on `address`, as in /proc/net, prevents another one on `host`. */
function overlaps(address: string, host: string | undefined): boolean {
  if (host === undefined || isIP(host) === 0 || host === '::' || host === '0.0.0.0') return true
  return /^0+$/.test(address) || address === toProcNet(ipBytes(host))
}

/** All sockets that are bound to the port, with their hosts. For TCP, only listening ones. */
export function inetSockets(type: 'tcp' | 'udp', port: number): { host: string; inode: number }[] {
  const portHex = toProcNetPort(port)
  return [type, `${type}6`].flatMap((table) =>
    rows(`/proc/net/${table}`).flatMap((fields) => {
      const [host, bound] = fields[1]?.split(':') ?? []
      const listens = fields[3] === (type === 'udp' ? '07' : '0A') // no peer; TCP_LISTEN
      if (host === undefined || bound !== portHex || !listens) return []
      return { host: formatIp(fromProcNet(host)), inode: Number(fields[9]) }
    }),
  )
}

/** __SO_ACCEPTCON in /proc/net/unix marks a listening socket. The connections it accepted have the same path. */
const acceptsConnections = 1 << 16

/** The inode of the socket that listens on the path. */
export function unixSocketInode(path: string): number | null {
  const row = rows('/proc/net/unix').find(
    ([, , , flags, , , , bound]) => bound === path && (parseInt(flags ?? '', 16) & acceptsConnections) !== 0,
  )
  return row ? Number(row[6]) : null
}

function rows(table: string): string[][] {
  let text: string
  try {
    text = readFileSync(table, 'utf8')
  } catch {
    return [] // no IPv6, or no /proc
  }
  return text
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
}
