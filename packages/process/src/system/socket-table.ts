import fs from 'node:fs'
import { formatIp, fromProcNet } from '#shared/ip-address.js'
import { LineSplitter } from '#shared/lines.js'

/** Where a listening socket listens, or a UDP socket is bound. */
export type ListenAddress =
  { type: 'tcp' | 'udp'; host: string; port: number } | { type: 'unix'; path: string }

/**
 * The addresses of listening and of UDP sockets, by inode, from the kernel's own tables (proc_net(5)): Node cannot ask a
 * bare descriptor for its name. Sockets of another kind are absent from the answer.
 */
export function listenAddresses(inodes: Iterable<string>): Map<string, ListenAddress> {
  const found = new Map<string, ListenAddress>()
  const wanted = new Set(inodes)
  for (const [table, read] of tables) {
    if (wanted.size === 0) break
    for (const line of lines(`/proc/self/net/${table}`)) {
      const entry = read(line)
      if (entry === null || !wanted.delete(entry.inode)) continue
      found.set(entry.inode, entry.address)
      if (wanted.size === 0) break
    }
  }
  return found
}

/** The inode of an open descriptor that is a socket, else null. */
export function socketInode(fd: number): string | null {
  try {
    return /^socket:\[(\d+)\]$/.exec(fs.readlinkSync(`/proc/self/fd/${fd}`))?.[1] ?? null
  } catch {
    return null
  }
}

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

/** `sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode`; 0A is LISTEN, 07 a UDP socket without a peer. */
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
 * The kernel prints the zero byte in front of an abstract name as `@`, and the zero bytes behind it as well:
 * libuv before 1.46 bound such a name padded to its full length.
 */
function unixPath(printed: string): string {
  return printed.startsWith('@') ? `\0${printed.slice(1).replace(/@+$/, '')}` : printed
}

/**
 * Line by line and no further than needed: on a busy machine the tables have a line per connection, and
 * the listening sockets come first.
 */
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
