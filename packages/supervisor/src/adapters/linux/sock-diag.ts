import { closeSync } from 'node:fs'
import { AF_INET, AF_INET6, AF_NETLINK, NETLINK_SOCK_DIAG, SOCK_RAW } from '#shared/socket-constants.js'
import { PosixError, recvmsg, sendmsg, socket } from './posix.js'
import type { TcpSocket } from './tcp-diag.js'
import { parseTcpDiag, tcpDiagRequest } from './tcp-diag.js'

/** The kernel writes at most this much into one message of a dump (netlink(7)). */
const maxMessageBytes = 32 * 1024

/**
 * All TCP sockets of this network namespace with one of these local ports, as sock_diag(7) shows them: listening,
 * connected, and handshakes under way. Two requests for each port, one for each address family. Throws a `PosixError`
 * where the kernel has no sock_diag.
 */
export function tcpSockets(ports: Iterable<number>): TcpSocket[] {
  const fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG)
  try {
    return [...ports].flatMap((port) => [AF_INET, AF_INET6].flatMap((family) => dump(fd, family, port)))
  } finally {
    closeSync(fd)
  }
}

function dump(fd: number, family: number, port: number): TcpSocket[] {
  sendmsg(fd, tcpDiagRequest(family, port))
  const sockets: TcpSocket[] = []
  for (;;) {
    const message = recvmsg(fd, maxMessageBytes)
    if (message === null || message.truncated) throw new Error('sock_diag sent an incomplete answer')
    const part = parseTcpDiag(message.data)
    sockets.push(...part.sockets)
    if (part.errno !== 0) throw new PosixError('sock_diag', part.errno)
    if (part.done) return sockets
  }
}
