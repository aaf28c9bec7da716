import { closeSync } from 'node:fs'
import { AF_INET, AF_INET6, AF_NETLINK, NETLINK_SOCK_DIAG, SOCK_RAW } from '#shared/socket-constants.js'
import { PosixError, recvmsg, sendmsg, socket } from './posix.js'
import type { SocketEnd, TcpSocket } from './tcp-diag.js'
import { parseTcpDiag, tcpDiagRequest, tcpLookupRequest } from './tcp-diag.js'

/** The kernel writes at most this much into one message of a dump (netlink(7)). */
const maxMessageBytes = 32 * 1024

/**
 * All TCP sockets of this network namespace with one of these local ports, as sock_diag(7) shows them: listening,
 * connected, and handshakes under way. Two requests for each port, one for each address family. Throws a `PosixError`
 * where the kernel has no sock_diag.
 */
export function tcpSockets(ports: Iterable<number>): TcpSocket[] {
  return withSockDiag((fd) =>
    [...ports].flatMap((port) => families.flatMap((family) => ask(fd, tcpDiagRequest(family, port)))),
  )
}

/** The listening ones only. */
export function tcpListeners(port: number): TcpSocket[] {
  return withSockDiag((fd) =>
    families.flatMap((family) => ask(fd, tcpDiagRequest(family, port, 'listening'))),
  )
}

/**
 * The sockets at `local` of these connections, or null for those that do not exist. One lookup in the kernel's hash
 * table for each, however many connections there are.
 */
export function tcpConnections(ends: { local: SocketEnd; peer: SocketEnd }[]): (TcpSocket | null)[] {
  return withSockDiag((fd) =>
    ends.map(({ local, peer }) => {
      // Without the connection the kernel shows the listening socket.
      const [found] = ask(fd, tcpLookupRequest(local, peer), 'lookup')
      return found === undefined || found.state === 'listen' ? null : found
    }),
  )
}

const families = [AF_INET, AF_INET6]
const ENOENT = 2

function withSockDiag<T>(use: (fd: number) => T): T {
  const fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG)
  try {
    return use(fd)
  } finally {
    closeSync(fd)
  }
}

/** A dump ends with a message of its own, the answer to a lookup is one message. */
function ask(fd: number, request: Buffer, kind: 'dump' | 'lookup' = 'dump'): TcpSocket[] {
  sendmsg(fd, request)
  const sockets: TcpSocket[] = []
  for (;;) {
    const message = recvmsg(fd, maxMessageBytes)
    if (message === null || message.truncated) throw new Error('sock_diag sent an incomplete answer')
    const part = parseTcpDiag(message.data)
    sockets.push(...part.sockets)
    if (kind === 'lookup' && part.errno === ENOENT) return []
    if (part.errno !== 0) throw new PosixError('sock_diag', part.errno)
    if (part.done || kind === 'lookup') return sockets
  }
}
