import koffi from 'koffi'
import { errorName } from '#shared/errno.js'
import {
  controlBytes,
  decodeRights,
  encodeMessageHeader,
  encodeRights,
  readMessageHeader,
} from '#shared/message-header.js'
import {
  F_DUPFD_CLOEXEC,
  MSG_CMSG_CLOEXEC,
  MSG_CTRUNC,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  MSG_TRUNC,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
} from '#shared/socket-constants.js'

/**
 * System calls that Node has no function for, on Linux x64 and arm64: one typed function for each, with the name that
 * it has in C. A call that fails throws a `PosixError`, whose `code` is the name of the errno.
 */

export class PosixError extends Error {
  override name = 'PosixError'
  /** For example `EADDRINUSE`. */
  readonly code: string
  readonly syscall: string

  constructor(syscall: string, errno: number) {
    const code = errorName(errno)
    super(`${syscall} failed with ${code}`)
    this.code = code
    this.syscall = syscall
  }
}

/** The errno's name of a failed call, of this module or of Node. Throws any other error again: that is a bug. */
export function errorCode(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code
  throw error
}

export const SIGKILL = 9

const F_SETFD = 2
const POLLIN = 1
const FD_CLOEXEC = 1
const LOCK_EX_NB = 2 | 4
const WNOHANG = 1
/** System calls added since Linux 5.1 have the same number on every architecture. */
const SYS_pidfd_send_signal = 424
const SYS_pidfd_open = 434
const SYS_pidfd_getfd = 438

/** `null` is the process itself: Node is linked to the C library, glibc or musl. */
const libc = koffi.load(null)

type Call = (...args: (number | bigint | string | Buffer | null)[]) => number | bigint
const call = (prototype: string): Call => libc.func(prototype)

const c = {
  socket: call('int socket(int, int, int)'),
  bind: call('int bind(int, const void *, unsigned int)'),
  listen: call('int listen(int, int)'),
  connect: call('int connect(int, const void *, unsigned int)'),
  getsockname: call('int getsockname(int, void *, void *)'),
  getsockopt: call('int getsockopt(int, int, int, void *, void *)'),
  setsockopt: call('int setsockopt(int, int, int, const void *, unsigned int)'),
  fcntl: call('int fcntl(int, int, long)'),
  flock: call('int flock(int, int)'),
  sendmsg: call('int64_t sendmsg(int, const void *, int)'),
  recvmsg: call('int64_t recvmsg(int, void *, int)'),
  poll: call('int poll(void *fds, unsigned long count, int timeout)'),
  waitpid: call('int waitpid(int, void *, int)'),
  syscall: call('int64_t syscall(int64_t, int64_t, int64_t, int64_t, int64_t)'),
}

function check(syscall: string, result: number | bigint): number {
  if (result < 0) throw new PosixError(syscall, koffi.errno())
  return Number(result)
}

/** Opens a socket that is close-on-exec and non-blocking. */
export function socket(domain: number, type: number, protocol = 0): number {
  return check('socket', c.socket(domain, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol))
}

export function bind(fd: number, address: Buffer): void {
  check('bind', c.bind(fd, address, address.length))
}

export function listen(fd: number, backlog: number): void {
  check('listen', c.listen(fd, backlog))
}

export function connect(fd: number, address: Buffer): void {
  check('connect', c.connect(fd, address, address.length))
}

/** The address that the socket is bound to, as a sockaddr. */
export function getsockname(fd: number): Buffer {
  const address = Buffer.alloc(128)
  const length = int(address.length)
  check('getsockname', c.getsockname(fd, address, length))
  return address.subarray(0, length.readInt32LE())
}

export function setsockopt(fd: number, level: number, option: number, value: number): void {
  setsockoptBytes(fd, level, option, int(value))
}

/** Sets an option whose value is a struct. */
export function setsockoptBytes(fd: number, level: number, option: number, value: Buffer): void {
  check('setsockopt', c.setsockopt(fd, level, option, value, value.length))
}

/** Reads an option whose value is an int. */
export function getsockopt(fd: number, level: number, option: number): number {
  const value = int(0)
  check('getsockopt', c.getsockopt(fd, level, option, value, int(4)))
  return value.readInt32LE()
}

/** Whether the descriptor is closed by execve(2). */
export function setCloseOnExec(fd: number, on: boolean): void {
  check('fcntl', c.fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0))
}

/** Copies the descriptor. The copy is close-on-exec. */
export function dup(fd: number): number {
  return check('fcntl', c.fcntl(fd, F_DUPFD_CLOEXEC, 3))
}

/** Takes the exclusive lock of flock(2) without waiting. Returns false if another open file holds it. */
export function tryLock(fd: number): boolean {
  if (c.flock(fd, LOCK_EX_NB) === 0) return true
  const error = new PosixError('flock', koffi.errno())
  if (error.code === 'EAGAIN') return false
  throw error
}

const POLLERR = 0x8
const POLLHUP = 0x10

/** Whether the descriptor can be read from without waiting. A listening socket can if a connection waits in its queue. */
export const isReadable = (fd: number): boolean => (pollNow(fd, POLLIN) & POLLIN) !== 0

/** Whether writing to the descriptor fails: nobody reads the pipe any more, or the terminal was closed (poll(2)). */
export const isHungUp = (fd: number): boolean => (pollNow(fd, 0) & (POLLERR | POLLHUP)) !== 0

function pollNow(fd: number, events: number): number {
  const entry = Buffer.alloc(8) // struct pollfd: fd, events, revents
  entry.writeInt32LE(fd)
  entry.writeInt16LE(events, 4)
  check('poll', c.poll(entry, 1, 0))
  return entry.readInt16LE(6)
}

export interface Message {
  data: Buffer
  /** Descriptors from SCM_RIGHTS, close-on-exec. The caller must close them. */
  fds: number[]
  /** The message or its descriptors did not fit, and were truncated. */
  truncated: boolean
}

/** Receives one message without waiting. Returns null if there is none. */
export function recvmsg(fd: number, maxBytes: number): Message | null {
  const data = Buffer.alloc(maxBytes)
  const control = Buffer.alloc(controlBytes)
  const { header, parts } = encodeMessageHeader(koffi.address, data, control)
  const received = c.recvmsg(fd, header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC)
  if (received < 0 && koffi.errno() === koffi.os.errno['EAGAIN']) return null
  const bytes = check('recvmsg', received)
  const { controlLength, flags } = readMessageHeader(header, parts)
  return {
    data: data.subarray(0, bytes),
    fds: decodeRights(control.subarray(0, controlLength)),
    truncated: (flags & (MSG_TRUNC | MSG_CTRUNC)) !== 0,
  }
}

/** Sends one message, with copies of these descriptors (at most 253: SCM_MAX_FD). */
export function sendmsg(fd: number, data: Buffer, fds: number[] = []): number {
  const { header, parts } = encodeMessageHeader(koffi.address, data, encodeRights(fds))
  const sent = c.sendmsg(fd, header, MSG_DONTWAIT | MSG_NOSIGNAL)
  void parts // the header points into them: they must not be garbage-collected before the call returns
  return check('sendmsg', sent)
}

/** Opens a descriptor of the process, close-on-exec, that becomes readable when the process ends. */
export function pidfdOpen(pid: number): number {
  return check('pidfd_open', c.syscall(SYS_pidfd_open, pid, 0, 0, 0))
}

/** Copies a descriptor of another process. The copy is close-on-exec. Requires permission to ptrace(2) the process. */
export function pidfdGetfd(pidfd: number, targetFd: number): number {
  return check('pidfd_getfd', c.syscall(SYS_pidfd_getfd, pidfd, targetFd, 0, 0))
}

/** Like kill(2), but cannot hit a later process with the same pid. */
export function pidfdSendSignal(pidfd: number, signal: number): void {
  check('pidfd_send_signal', c.syscall(SYS_pidfd_send_signal, pidfd, signal, 0, 0))
}

/** Reaps the child if it has ended. Returns null while it runs. Throws ECHILD if it is not a child of this process. */
export function waitpid(pid: number): { code: number | null; signal: number | null } | null {
  const status = int(0)
  if (check('waitpid', c.waitpid(pid, status, WNOHANG)) === 0) return null
  const word = status.readInt32LE()
  const signal = word & 0x7f
  return signal === 0 ? { code: (word >> 8) & 0xff, signal: null } : { code: null, signal }
}

function int(value: number): Buffer {
  const buffer = Buffer.alloc(4)
  buffer.writeInt32LE(value)
  return buffer
}
