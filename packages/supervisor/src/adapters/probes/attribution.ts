import { readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { isIPv6 } from 'node:net'
import type { Socket } from 'node:net'
import { endianness } from 'node:os'

/**
 * Who accepted our connection: the instance, which is the process group that `pid` leads; another process; or
 * nobody yet. `hidden`: the system does not let us see the instance's descriptors; `gone`: there is no such process.
 */
export async function acceptedBy(
  socket: Socket,
  pid: number,
): Promise<'instance' | 'other' | 'nobody' | 'hidden' | 'gone'> {
  const inode = await inodeOfPeer(socket)
  if (inode === null) return 'nobody'
  const leader = holds(pid, inode)
  if (leader !== false) return leader === true ? 'instance' : leader
  if (groupMembers(pid).some((member) => holds(member, inode) === true)) return 'instance'
  return 'other'
}

/** The inode of the connection's other end; null while it waits in the listen queue, where it has none. */
async function inodeOfPeer(socket: Socket): Promise<string | null> {
  const { localAddress, localPort, remoteAddress, remotePort } = socket
  if (!localAddress || !localPort || !remoteAddress || !remotePort) return null
  for (const format of isIPv6(localAddress) ? [v6] : [v6Mapped, v4]) {
    // The peer's own address comes first, then ours.
    const key = ` ${format.show(remoteAddress, remotePort)} ${format.show(localAddress, localPort)} `
    const inode = inodeInTable(await readFile(format.table, 'latin1'), key)
    if (inode !== null) return inode === '0' ? null : inode
  }
  return null
}

/** proc(5): sl local rem st tx:rx tr:when retrnsmt uid timeout inode; tables of 10,000 lines take a few ms. */
function inodeInTable(table: string, key: string): string | null {
  const at = table.indexOf(key)
  if (at === -1) return null
  const end = table.indexOf('\n', at)
  const fields = table.slice(at + key.length, end === -1 ? undefined : end).split(/ +/)
  return fields[6] ?? null
}

/** Whether the process has that socket open. */
function holds(pid: number, inode: string): boolean | 'hidden' | 'gone' {
  const folder = `/proc/${pid}/fd`
  const wanted = `socket:[${inode}]`
  try {
    return readdirSync(folder).some((fd) => linkOf(`${folder}/${fd}`) === wanted)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'gone' : 'hidden'
  }
}

/** A descriptor may be closed between the listing and the look. */
function linkOf(path: string): string | null {
  try {
    return readlinkSync(path)
  } catch {
    return null
  }
}

/** The other processes of the group, such as gunicorn's workers. */
function groupMembers(leader: number): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => pid !== leader && groupOf(pid) === leader)
}

/** proc(5), stat: pid (comm) state ppid pgrp; comm may hold blanks and parentheses. */
function groupOf(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2])
  } catch {
    return null
  }
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
  ;[...before, ...zeros, ...after].forEach((group, index) =>
    bytes.writeUInt16BE(Number.parseInt(group, 16), index * 2),
  )
  return bytes
}

const pairs = ([a = 0, b = 0, c = 0, d = 0]: number[]): string =>
  `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
