import { readFileSync } from 'node:fs'
import { isIPv6 } from 'node:net'
import type { Socket } from 'node:net'
import { ipBytes, toProcNet, toProcNetPort } from '#shared/ip-address.js'
import { PosixError } from './posix.js'
import { tcpConnections } from './sock-diag.js'

/**
 * The inode of each connection's other end on this machine, or null while that end is in the listen queue, where it
 * has no inode yet. The kernel is asked by sock_diag(7); where it has none, by /proc/net/tcp.
 */
export function peerInodes(sockets: Socket[]): Map<Socket, string | null> {
  try {
    return bySockDiag(sockets)
  } catch (error) {
    if (error instanceof PosixError) return byTable(sockets)
    throw error
  }
}

function bySockDiag(sockets: Socket[]): Map<Socket, string | null> {
  const connected = sockets.flatMap((socket) => {
    const { localAddress, localPort, remoteAddress, remotePort } = socket
    if (!localAddress || !localPort || !remoteAddress || !remotePort) return []
    const peer = { address: localAddress, port: localPort }
    return [{ socket, peer, local: { address: remoteAddress, port: remotePort } }]
  })
  const found = tcpConnections(connected)
  const inodes = new Map(connected.map(({ socket }, index) => [socket, found[index]?.inode ?? 0]))
  return new Map(sockets.map((socket) => [socket, inodes.get(socket) ? String(inodes.get(socket)) : null]))
}

/**
 * Each table is read once for all sockets: 1,000 connections are 150 KB of text, or about 2 ms. The read is
 * synchronous: the kernel returns one page at a time, and each would take a turn of the thread pool.
 */
export function byTable(sockets: Socket[]): Map<Socket, string | null> {
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
    // In the peer's row, its own address comes first, then the address of this end.
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

const procNetEnd = (address: string, port: number): string =>
  `${toProcNet(ipBytes(address))}:${toProcNetPort(port)}`

const v4: AddressFormat = {
  table: '/proc/net/tcp',
  show: procNetEnd,
}

const v6: AddressFormat = {
  table: '/proc/net/tcp6',
  show: procNetEnd,
}

/** A listener on `::` accepts IPv4, too, and the table shows such an address as ::ffff:a.b.c.d. */
const v6Mapped: AddressFormat = {
  table: '/proc/net/tcp6',
  show: (address, port) => procNetEnd(`::ffff:${address}`, port),
}
