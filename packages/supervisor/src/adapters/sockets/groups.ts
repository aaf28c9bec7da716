import { closeSync, fstatSync } from 'node:fs'
import { AF_INET6, IPPROTO_IPV6, IPV6_V6ONLY, SOCK_STREAM, SOL_SOCKET } from '#shared/socket-constants.js'
import { SO_REUSEADDR, SO_REUSEPORT } from '#shared/socket-constants.js'
import { familyOf, inetAddress, portOf } from '#shared/socket-address.js'
import type { Result } from '../../model/index.js'
import { failed, ok } from '../../model/index.js'
import type { GroupSocket, Listener } from '../../ports.js'
import { PosixError, bind, getsockname, getsockopt, listen, setsockopt, socket } from '../linux/posix.js'
import { steer } from '../linux/reuseport.js'
import { tcpListeners } from '../linux/sock-diag.js'
import { describeOwner } from '../linux/socket-owner.js'
import type { TcpSocket } from '../linux/tcp-diag.js'
import { findNumbers } from './numbers.js'

/** See `Sockets`. Sockets that have joined stay open until `close`: the kernel renumbers those of a group otherwise. */
export interface Groups {
  join(listener: Listener): Result<GroupSocket>
  group(listener: Listener): GroupSocket[]
  waiting(listener: Listener): ReadonlyMap<number, number>
  steer(listener: Listener, sockets: GroupSocket[]): void
  /** Adds sockets that an earlier supervisor bound, and finds out the numbers of all. See `Sockets.rejoin`. */
  rejoin(listener: Listener, fds: number[], receivers: ReadonlySet<number>): void
  /** Closes those that have joined, not the listener's own. */
  close(listener: Listener): void
}

interface Group {
  sockets: Member[]
  among: GroupSocket[]
  exceptions: Set<{ host: string; port: number; member: Member }>
  /** What the kernel was told last. */
  steering: string
  /** Inodes of the sockets of other programs in the group. */
  others: string
}

interface Member extends GroupSocket {
  /** The kernel's, see reuseport.ts. */
  number: number
}

export function socketGroups(): Groups {
  const groups = new Map<number, Group>()

  function groupOf(listener: Listener): Group {
    const known = groups.get(listener.fd)
    if (known) return known
    const group: Group = { sockets: [], among: [], exceptions: new Set(), steering: '', others: '' }
    groups.set(listener.fd, group)
    add(listener, group, listener.fd, 0)
    return group
  }

  function add(listener: Listener, group: Group, fd: number, number: number): Member {
    const route = () => reserve(listener, group, member)
    const member: Member = { fd, inode: fstatSync(fd).ino, number, route }
    group.sockets.push(member)
    return member
  }

  return {
    join(listener) {
      const group = groupOf(listener)
      const others = group.sockets.length === 1 ? foreign(listener, group) : []
      if (others[0] !== undefined)
        return refused(`${listener.address} is also listened on${describeOwner(others[0])}`)
      const bound = bindAnother(listener, group.sockets.length === 1)
      if (!bound.ok) return bound
      const joined = add(
        listener,
        group,
        bound.value,
        1 + Math.max(...group.sockets.map(({ number }) => number)),
      )
      update(listener, group)
      return ok(joined)
    },
    rejoin(listener, fds, receivers) {
      const group = groupOf(listener)
      for (const fd of fds) add(listener, group, fd, -1)
      group.among = group.sockets.filter(({ inode }) => receivers.has(inode))
      if (fds.length > 0) renumber(listener, group)
    },
    group: (listener) => (listener.spec.type === 'tcp' ? groupOf(listener).sockets : []),
    waiting(listener) {
      const inodes = new Set(groupOf(listener).sockets.map(({ inode }) => inode))
      const members = listenersAt(listener).filter(({ inode }) => inodes.has(inode))
      return new Map(members.map(({ inode, receiveQueue }) => [inode, receiveQueue]))
    },
    steer(listener, sockets) {
      const group = groupOf(listener)
      group.among = sockets
      update(listener, group)
    },
    close(listener) {
      for (const { fd } of groups.get(listener.fd)?.sockets.slice(1).reverse() ?? []) closeSync(fd)
      groups.delete(listener.fd)
    },
  }
}

/** One socket alone gets every connection anyway. */
function update(listener: Listener, group: Group): void {
  if (group.sockets.length === 1) return
  // Another program of the same user can join the group with SO_REUSEPORT. It gets no connections, but when it leaves
  // the kernel may give its number to another socket.
  const others = foreign(listener, group).join()
  if (others !== group.others) {
    renumber(listener, group)
    group.steering = ''
    group.others = others
  }
  const chosen = group.sockets.filter((one) => group.among.includes(one)).map(({ number }) => number)
  const except = [...group.exceptions].map(({ host, port, member }) => ({
    host,
    port,
    number: member.number,
  }))
  const steering = { among: chosen.length > 0 ? chosen : [0], except }
  const text = JSON.stringify(steering)
  if (text === group.steering) return
  steer(listener.fd, steering)
  group.steering = text
}

function renumber(listener: Listener, group: Group): void {
  const fds = group.sockets.map(({ fd }) => fd)
  const wanted = new Set(group.among.map(({ fd }) => fd))
  const numbers = findNumbers(fds, hostOf(listener), portIn(listener), wanted)
  group.sockets.forEach((member, index) => (member.number = numbers[index] ?? index))
}

/** The sockets that listen at the listener's address. Empty without sock_diag(7). */
function listenersAt(listener: Listener): TcpSocket[] {
  try {
    return tcpListeners(portIn(listener)).filter(({ local }) => local === listener.address)
  } catch (error) {
    if (error instanceof PosixError) return []
    throw error
  }
}

/** The inodes of those that do not belong to the group. */
function foreign(listener: Listener, group: Group): number[] {
  const inodes = new Set(group.sockets.map(({ inode }) => inode))
  const others = listenersAt(listener).filter(({ inode }) => !inodes.has(inode))
  return others.map(({ inode }) => inode).sort((a, b) => a - b)
}

const refused = (reason: string): Result<never> => failed('Refused', reason)

/**
 * SO_REUSEPORT is set on the listener's own socket only now, after it was bound without: so it cannot be bound to a
 * port that another program uses. The kernel takes a listening socket into the group when the next one listens.
 * `first`: the group does not exist yet.
 */
function bindAnother(listener: Listener, first: boolean): Result<number> {
  if (listener.spec.type !== 'tcp') return refused('it is not a TCP listener')
  const address = getsockname(listener.fd)
  const fd = socket(familyOf(address), SOCK_STREAM)
  try {
    trySteering(familyOf(address))
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, 1)
    setsockopt(listener.fd, SOL_SOCKET, SO_REUSEPORT, 1)
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, 1)
    if (familyOf(address) === AF_INET6)
      setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, getsockopt(listener.fd, IPPROTO_IPV6, IPV6_V6ONLY))
    bind(fd, address)
    listen(fd, listener.spec.backlog)
    return ok(fd)
  } catch (error) {
    closeSync(fd)
    if (!(error instanceof PosixError)) throw error
    if (first) setsockopt(listener.fd, SOL_SOCKET, SO_REUSEPORT, 0)
    return refused(
      error.code === 'EADDRINUSE'
        ? `${listener.address} was bound by another user`
        : `the kernel refuses another socket for ${listener.address}: ${error.message}`,
    )
  }
}

/** Throws where the kernel, or a filter of system calls, does not permit it. */
function trySteering(family: number): void {
  const fd = socket(family, SOCK_STREAM)
  try {
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, 1)
    steer(fd, { among: [0] })
  } finally {
    closeSync(fd)
  }
}

/** Reserves a local port, and steers connections from there to the socket until `end`. */
function reserve(listener: Listener, group: Group, member: Member) {
  const host = hostOf(listener)
  const fd = socket(familyOf(inetAddress(host, 0)), SOCK_STREAM)
  let port: number
  try {
    bind(fd, inetAddress(host, 0))
    port = portOf(getsockname(fd))
  } finally {
    closeSync(fd)
  }
  const exception = { host, port, member }
  group.exceptions.add(exception)
  update(listener, group)
  return {
    localAddress: host,
    localPort: port,
    end() {
      if (group.exceptions.delete(exception)) update(listener, group)
    },
  }
}

/** The address that the prober connects to. Its connections have the same source: it is one of this machine. */
function hostOf({ address }: Listener): string {
  const host = address.slice(0, address.lastIndexOf(':')).replace(/^\[|\]$/g, '')
  return host === '::' || host === '0.0.0.0' ? '127.0.0.1' : host
}

const portIn = ({ address }: Listener): number => Number(address.slice(address.lastIndexOf(':') + 1))
