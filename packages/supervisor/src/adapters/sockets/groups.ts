import { closeSync, fstatSync } from 'node:fs'
import { AF_INET6, IPPROTO_IPV6, IPV6_V6ONLY, SOCK_STREAM, SOL_SOCKET } from '#shared/socket-constants.js'
import { SO_REUSEADDR, SO_REUSEPORT } from '#shared/socket-constants.js'
import { familyOf, inetAddress, portOf } from '#shared/socket-address.js'
import type { GroupSocket, Listener } from '../../ports.js'
import { PosixError, bind, getsockname, getsockopt, listen, setsockopt, socket } from '../linux/posix.js'
import type { Exception } from '../linux/reuseport.js'
import { steer } from '../linux/reuseport.js'
import { findNumbers } from './numbers.js'

/** See `Sockets`. Sockets that have joined stay open until `close`: the kernel renumbers those of a group otherwise. */
export interface Groups {
  join(listener: Listener): GroupSocket | null
  group(listener: Listener): GroupSocket[]
  steer(listener: Listener, sockets: GroupSocket[]): void
  /** Adds sockets that an earlier supervisor bound, and finds out the numbers of all. */
  rejoin(listener: Listener, fds: number[]): void
  /** Closes those that have joined, not the listener's own. */
  close(listener: Listener): void
}

interface Group {
  sockets: Member[]
  among: number[]
  exceptions: Set<Exception>
  /** What the kernel was told last. */
  steering: string
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
    const group: Group = { sockets: [], among: [0], exceptions: new Set(), steering: '' }
    groups.set(listener.fd, group)
    add(listener, group, listener.fd, 0)
    return group
  }

  function add(listener: Listener, group: Group, fd: number, number: number): Member {
    const member: Member = {
      fd,
      inode: fstatSync(fd).ino,
      number,
      route: () => reserve(listener, group, member.number),
    }
    group.sockets.push(member)
    return member
  }

  return {
    join(listener) {
      const group = groupOf(listener)
      const fd = bindAnother(listener)
      if (fd === null) return null
      const joined = add(listener, group, fd, 1 + Math.max(...group.sockets.map(({ number }) => number)))
      update(listener, group)
      return joined
    },
    rejoin(listener, fds) {
      const group = groupOf(listener)
      for (const fd of fds) add(listener, group, fd, -1)
      if (fds.length === 0) return
      const numbers = findNumbers([listener.fd, ...fds], hostOf(listener), portIn(listener))
      group.sockets.forEach((member, index) => (member.number = numbers[index] ?? index))
    },
    group: (listener) => (listener.spec.type === 'tcp' ? groupOf(listener).sockets : []),
    steer(listener, sockets) {
      const group = groupOf(listener)
      group.among = group.sockets.filter((one) => sockets.includes(one)).map(({ number }) => number)
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
  const steering = { among: group.among, except: [...group.exceptions] }
  const text = JSON.stringify(steering)
  if (group.sockets.length === 1 || text === group.steering) return
  steer(listener.fd, steering)
  group.steering = text
}

/**
 * SO_REUSEPORT is set on the listener's own socket only now, after it was bound without: so it cannot be bound to a
 * port that another program uses. The kernel takes a listening socket into the group when the next one listens.
 */
function bindAnother(listener: Listener): number | null {
  if (listener.spec.type !== 'tcp') return null
  const address = getsockname(listener.fd)
  const fd = socket(familyOf(address), SOCK_STREAM)
  try {
    setsockopt(listener.fd, SOL_SOCKET, SO_REUSEPORT, 1)
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, 1)
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, 1)
    if (familyOf(address) === AF_INET6)
      setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, getsockopt(listener.fd, IPPROTO_IPV6, IPV6_V6ONLY))
    bind(fd, address)
    listen(fd, listener.spec.backlog)
    return fd
  } catch (error) {
    closeSync(fd)
    // EADDRINUSE: systemd bound the listener as another user. Without steering it works as a shared socket.
    if (error instanceof PosixError) return null
    throw error
  }
}

/** Reserves a local port, and steers connections from there to the socket until `end`. */
function reserve(listener: Listener, group: Group, number: number) {
  const host = hostOf(listener)
  const fd = socket(familyOf(inetAddress(host, 0)), SOCK_STREAM)
  let port: number
  try {
    bind(fd, inetAddress(host, 0))
    port = portOf(getsockname(fd))
  } finally {
    closeSync(fd)
  }
  const exception = { host, port, number }
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
