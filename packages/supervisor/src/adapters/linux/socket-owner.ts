import { readFileSync } from 'node:fs'
import { toProcNetPort } from '#shared/ip-address.js'
import { socketOwner } from './proc.js'

/** ` by nginx (pid 812)`, or an empty string if /proc does not show the owner. */
export function describeOwner(inode: number | null): string {
  const owner = inode === null ? null : socketOwner(inode)
  return owner ? ` by ${owner.name} (pid ${owner.pid})` : ''
}

/** The inode of the socket that is bound to the port. For TCP, only a listening socket counts. */
export function inetSocketInode(type: 'tcp' | 'udp', port: number): number | null {
  const portHex = toProcNetPort(port)
  for (const table of [type, `${type}6`]) {
    for (const fields of rows(`/proc/net/${table}`)) {
      const [, local, , state] = fields
      const listens = type === 'udp' || state === '0A' // TCP_LISTEN
      if (listens && local?.endsWith(`:${portHex}`)) return Number(fields[9])
    }
  }
  return null
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
