import { closeSync } from 'node:fs'
import { IPPROTO_TCP, SOCK_STREAM, SOL_SOCKET, SO_LINGER } from '#shared/socket-constants.js'
import { TCP_DEFER_ACCEPT, TCP_INFO, TCP_MAXSEG } from '#shared/socket-constants.js'
import { familyOf, inetAddress, portOf } from '#shared/socket-address.js'
import { PosixError, bind, connect, getsockname } from '../linux/posix.js'
import { getsockopt, setsockopt, setsockoptBytes, socket } from '../linux/posix.js'
import { steer } from '../linux/reuseport.js'

/** Distinct values of TCP_MAXSEG, far below what the loopback interface offers by itself. */
const mssOf = (index: number): number => 600 + 32 * index
/** The kernel subtracts the bytes of the timestamp option from what the other end announced. */
const maxOptionBytes = 31
const establishedMs = 500
const TCP_ESTABLISHED = 1

/**
 * The number of each of these listening sockets in its group (reuseport.ts), or null if it cannot be found. When a
 * supervisor dies, the sockets that only it held are closed, and the kernel renumbers the others. So this connects to
 * each number in turn, from a port of its own that nobody else is steered by, and reads which socket's TCP_MAXSEG the
 * SYN-ACK announced. TCP_DEFER_ACCEPT keeps these connections, which send nothing, away from the program. Connections
 * of others that arrive meanwhile get the sockets of `wanted`, from the moment when one of them is found.
 */
export function findNumbers(
  fds: number[],
  host: string,
  port: number,
  wanted: ReadonlySet<number> = new Set(),
): (number | null)[] {
  const deferred = fds.map((fd) => getsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT))
  fds.forEach((fd, index) => {
    setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, mssOf(index))
    setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, 1)
  })
  try {
    const numbers = fds.map((): number | null => null)
    // Another process may hold more sockets of the group.
    for (let number = 0; numbers.includes(null) && number < 2 * fds.length + 8; number++) {
      const found = fds.flatMap((fd, at) => (wanted.has(fd) ? (numbers[at] ?? []) : []))
      const among = found.length > 0 ? found : fds.map((_, at) => at)
      const index = indexAt(number, among, fds, host, port)
      if (index !== null) numbers[index] ??= number
    }
    return numbers
  } finally {
    fds.forEach((fd, index) => {
      setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, 0)
      setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, deferred[index] ?? 0)
    })
  }
}

/** Which of the sockets has the number. Null if it is none of them. */
function indexAt(number: number, among: number[], fds: number[], host: string, port: number): number | null {
  const fd = socket(familyOf(inetAddress(host, port)), SOCK_STREAM)
  try {
    bind(fd, inetAddress(host, 0))
    const except = [{ host, port: portOf(getsockname(fd)), number }]
    steer(fds[0] ?? -1, { among, except })
    const mss = connected(fd, host, port)
    const index =
      mss === null ? -1 : fds.findIndex((_, at) => mss <= mssOf(at) && mss > mssOf(at) - maxOptionBytes)
    return index === -1 ? null : index
  } finally {
    setsockoptBytes(fd, SOL_SOCKET, SO_LINGER, Buffer.from(new Int32Array([1, 0]).buffer)) // RST instead of FIN
    closeSync(fd)
  }
}

/** The MSS that the other end announced. A handshake over the loopback interface takes microseconds. */
function connected(fd: number, host: string, port: number): number | null {
  try {
    connect(fd, inetAddress(host, port))
  } catch (error) {
    if (!(error instanceof PosixError && error.code === 'EINPROGRESS')) throw error
  }
  const deadline = performance.now() + establishedMs
  while ((getsockopt(fd, IPPROTO_TCP, TCP_INFO) & 0xff) !== TCP_ESTABLISHED) {
    if (performance.now() > deadline) return null
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
  }
  return getsockopt(fd, IPPROTO_TCP, TCP_MAXSEG)
}
