import { readFileSync } from 'node:fs'
import { isIPv6 } from 'node:net'
import type { Socket } from 'node:net'
import { endianness } from 'node:os'

/**
 * The inodes of the connections' other ends, on this machine; null for one that still waits in the listen queue,
 * where it has none. Each table is read once for all: 1,000 connections are 150 KB of text, or about 2 ms.
 * Read at one go, since the kernel hands it out a page at a time and each would be a turn of the thread pool.
 */
export function peerInodes(sockets: Socket[]): Map<Socket, string | null> {
  const tables = new Map<string, string>()
  const read = (path: string) => {
    const table = tables.get(path) ?? readFileSync(path, 'latin1')
    tables.set(path, table)
    return table
  }
  return new Map(sockets.map((socket) => [socket, inodeOfPeer(socket, read)]))
}

function inodeOfPeer(socket: Socket, read: (path: string) => string): string | null {
  const { localAddress, localPort, remoteAddress, remotePort } = socket
  if (!localAddress || !localPort || !remoteAddress || !remotePort) return null
  for (const format of isIPv6(localAddress) ? [v6] : [v4, v6Mapped]) {
    // The peer's own address comes first, then ours.
    const key = ` ${format.show(remoteAddress, remotePort)} ${format.show(localAddress, localPort)} `
    const inode = inodeInTable(read(format.table), key)
    if (inode !== null) return inode === '0' ? null : inode
  }
  return null
}

/** proc(5): sl local rem st tx:rx tr:when retrnsmt uid timeout inode */
function inodeInTable(table: string, key: string): string | null {
  const at = table.indexOf(key)
  if (at === -1) return null
  const end = table.indexOf('\n', at)
  const fields = table.slice(at + key.length, end === -1 ? undefined : end).split(/ +/)
  return fields[6] ?? null
}

interface AddressFormat {
  table: string
  show(address: string, port: number): string
}

// The tables show each 32 bits of an address as a number of the machine's byte order, the port as a plain number.

const v4: AddressFormat = {
  table: '/proc/net/tcp',
  show: (address, port) => `${words(Buffer.from(address.split('.').map(Number)))}:${hex(port, 4)}`,
}

const v6: AddressFormat = {
  table: '/proc/net/tcp6',
  show: (address, port) => `${words(bytesOfV6(address))}:${hex(port, 4)}`,
}

/** A listener on `::` takes IPv4 too, and shows it as ::ffff:a.b.c.d. */
const v6Mapped: AddressFormat = {
  table: '/proc/net/tcp6',
  show: (address, port) => v6.show(`::ffff:${address}`, port),
}

function words(bytes: Buffer): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 4) {
    text += hex(endianness() === 'LE' ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at), 8)
  }
  return text
}

const hex = (value: number, digits: number): string => value.toString(16).toUpperCase().padStart(digits, '0')

function bytesOfV6(address: string): Buffer {
  const [plain = ''] = address.split('%')
  const dotted = /(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(plain)
  const text = dotted ? plain.slice(0, dotted.index) + pairs(dotted.slice(1).map(Number)) : plain
  const [head = '', tail] = text.split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = Array<string>(8 - before.length - after.length).fill('0')
  const bytes = Buffer.alloc(16)
  const groups = [...before, ...zeros, ...after]
  groups.forEach((group, index) => bytes.writeUInt16BE(Number.parseInt(group, 16), index * 2))
  return bytes
}

const pairs = ([a = 0, b = 0, c = 0, d = 0]: number[]): string =>
  `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
