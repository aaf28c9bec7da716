import fs from 'node:fs'
import { formatIp, fromProcNet } from '#shared/ip-address.js'
import { LineSplitter } from '#shared/lines.js'

/** The address of a listening socket or of a bound UDP socket. An abstract unix path begins with a zero byte. */
export type ListenAddress =
  { type: 'tcp' | 'udp'; host: string; port: number } | { type: 'unix'; path: string }

/**
 * The addresses of listening and of UDP sockets, by inode, from the kernel's tables (proc_net(5)): Node has no
 * getsockname(2) for a bare descriptor. Sockets of another kind are absent from the result.
 */
export function listenAddresses(inodes: Iterable<string>): Map<string, ListenAddress> {
  const found = new Map<string, ListenAddress>()
  const missing = new Set(inodes)
  for (const [table, read] of tables) {
    if (missing.size === 0) break
    for (const line of lines(`/proc/self/net/${table}`)) {
      const entry = read(line)
      if (entry === null || !missing.delete(entry.inode)) continue
      found.set(entry.inode, entry.address)
      if (missing.size === 0) break
    }
  }
  return found
}

/** The inode of a socket's descriptor, or null if the descriptor is closed or not a socket. */
export function socketInode(fd: number): string | null {
  try {
    return /^socket:\[(\d+)\]$/.exec(fs.readlinkSync(`/proc/self/fd/${fd}`))?.[1] ?? null
  } catch {
    return null
  }
}

/** `127.0.0.1:3000`, `[::]:3000`, `udp:127.0.0.1:8125`, `unix:/run/web.sock`, `unix:@abstract`. */
export function formatAddress(address: ListenAddress): string {
  if (address.type === 'unix') return `unix:${address.path.replace('\0', '@')}`
  const host = address.host.includes(':') ? `[${address.host}]` : address.host
  return `${address.type === 'udp' ? 'udp:' : ''}${host}:${address.port}`
}

type Entry = { inode: string; address: ListenAddress }

const tables: [string, (line: string) => Entry | null][] = [
  ['tcp', (line) => inetEntry(line, 'tcp')],
  ['tcp6', (line) => inetEntry(line, 'tcp')],
  ['unix', unixEntry],
  ['udp', (line) => inetEntry(line, 'udp')],
  ['udp6', (line) => inetEntry(line, 'udp')],
]

/**
 * `sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode`. State 0A is LISTEN, 07 a UDP socket
 * without a peer.
 */
function inetEntry(line: string, type: 'tcp' | 'udp'): Entry | null {
  const columns = line.trim().split(/\s+/)
  const [host, port] = columns[1]?.split(':') ?? []
  const state = type === 'tcp' ? '0A' : '07'
  if (columns[3] !== state || host === undefined || port === undefined || columns[9] === undefined)
    return null
  return { inode: columns[9], address: { type, host: formatIp(fromProcNet(host)), port: parseInt(port, 16) } }
}

/** `Num RefCount Protocol Flags Type St Inode Path`; flag 00010000 is __SO_ACCEPTCON. */
function unixEntry(line: string): Entry | null {
  const match = /^\S+ \S+ \S+ 00010000 \S+ \S+ +(\d+) (.+)$/.exec(line)
  if (match === null) return null
  const [, inode = '', printed = ''] = match
  return { inode, address: { type: 'unix', path: unixPath(Buffer.from(printed, 'latin1').toString()) } }
}

/**
 * The kernel prints each zero byte as `@`: the one before an abstract name, and those after it, because libuv before
 * 1.46 padded such a name to the full length of an address.
 */
function unixPath(printed: string): string {
  return printed.startsWith('@') ? `\0${printed.slice(1).replace(/@+$/, '')}` : printed
}

/** Reads on demand: on a busy machine the tables have a line per connection, after those of the listening sockets. */
function* lines(path: string): Generator<string> {
  let fd: number
  try {
    fd = fs.openSync(path, 'r')
  } catch {
    return
  }
  try {
    const chunk = Buffer.alloc(64 * 1024)
    const lines = new LineSplitter()
    for (let read = 0; (read = fs.readSync(fd, chunk)) > 0;)
      yield* lines.push(chunk.toString('latin1', 0, read))
    if (lines.rest !== '') yield lines.rest
  } finally {
    fs.closeSync(fd)
  }
}
