import os from 'node:os'
import type { Koffi } from './koffi.js'
import {
  MSG_CMSG_CLOEXEC,
  MSG_CTRUNC,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  SCM_RIGHTS,
  SOL_SOCKET,
} from './socket-constants.js'

/** Passes descriptors over a unix stream socket: SCM_RIGHTS, unix(7), cmsg(3). The layouts are those of 64-bit Linux. */
export interface DescriptorCalls {
  /**
   * Sends the bytes with copies of these descriptors, without waiting. Returns the number of bytes that were sent;
   * 0 if the socket is full or too many descriptors are in flight. Throws on a broken socket.
   */
  send(socket: number, data: Buffer, fds: number[]): number
  /** Receives without waiting. Null if there is nothing. */
  receive(socket: number): Received | null
  /** A copy with close-on-exec set. Throws when the call fails. */
  duplicate(fd: number): number
}

export interface Received {
  data: Buffer
  /** Close-on-exec; the caller must close them. Fewer than were sent if the process has reached RLIMIT_NOFILE. */
  fds: number[]
  /** Descriptors were sent with the bytes, even if none could be opened here. */
  carried: boolean
  /** The peer has closed the connection. */
  end: boolean
}

/** In one message. The kernel's limit, SCM_MAX_FD, is 253. */
export const maxDescriptors = 200

export function descriptorCalls(koffi: Koffi): DescriptorCalls {
  const libc = koffi.load(null)
  const sendmsg = libc.func('int64_t sendmsg(int, const void *, int)')
  const recvmsg = libc.func('int64_t recvmsg(int, void *, int)')
  const fcntl = libc.func('int fcntl(int, int, long)')
  const data = Buffer.alloc(64 * 1024)
  const control = Buffer.alloc(cmsgHeader + align(4 * 253))

  return {
    send(socket, bytes, fds) {
      const rights = encodeRights(fds)
      const { header, parts } = messageHeader(koffi, bytes, rights)
      const sent = sendmsg(socket, header, MSG_DONTWAIT | MSG_NOSIGNAL)
      void parts // the header points into them: they must stay alive until the call has returned
      if (sent >= 0) return Number(sent)
      if (mayBeTriedAgain.has(koffi.errno())) return 0
      throw new Error(`sendmsg failed with errno ${koffi.errno()}`)
    },
    receive(socket) {
      const { header, parts } = messageHeader(koffi, data, control)
      const received = Number(recvmsg(socket, header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC))
      void parts
      if (received < 0) {
        if (mayBeTriedAgain.has(koffi.errno())) return null
        return { data: Buffer.alloc(0), fds: [], carried: false, end: true }
      }
      const fds = decodeRights(control.subarray(0, Number(header.readBigUInt64LE(40))))
      const cut = (header.readInt32LE(48) & MSG_CTRUNC) !== 0
      const carried = fds.length > 0 || cut
      return { data: Buffer.from(data.subarray(0, received)), fds, carried, end: received === 0 }
    },
    duplicate(fd) {
      const copy = Number(fcntl(fd, F_DUPFD_CLOEXEC, 3))
      if (copy < 0) throw new Error(`fcntl failed with errno ${koffi.errno()}`)
      return copy
    },
  }
}

const F_DUPFD_CLOEXEC = 1030
/** 109 is ETOOMANYREFS: this user has as many descriptors in flight as a process may have open. */
const mayBeTriedAgain = new Set([
  os.constants.errno.EAGAIN,
  os.constants.errno.EINTR,
  os.constants.errno.ENOBUFS,
  109,
])

const cmsgHeader = 16
const align = (length: number): number => (length + 7) & ~7

/** struct msghdr with one data and one control buffer. `parts` must live as long as the header is in use. */
function messageHeader(koffi: Koffi, data: Buffer, control: Buffer): { header: Buffer; parts: Buffer[] } {
  const iovec = Buffer.alloc(16)
  iovec.writeBigUInt64LE(BigInt(koffi.address(data)), 0)
  iovec.writeBigUInt64LE(BigInt(data.length), 8)
  const header = Buffer.alloc(56)
  header.writeBigUInt64LE(BigInt(koffi.address(iovec)), 16)
  header.writeBigUInt64LE(1n, 24)
  if (control.length > 0) {
    header.writeBigUInt64LE(BigInt(koffi.address(control)), 32)
    header.writeBigUInt64LE(BigInt(control.length), 40)
  }
  return { header, parts: [iovec, data, control] }
}

function encodeRights(fds: number[]): Buffer {
  if (fds.length === 0) return Buffer.alloc(0)
  const control = Buffer.alloc(cmsgHeader + align(4 * fds.length))
  control.writeBigUInt64LE(BigInt(cmsgHeader + 4 * fds.length), 0)
  control.writeInt32LE(SOL_SOCKET, 8)
  control.writeInt32LE(SCM_RIGHTS, 12)
  fds.forEach((fd, index) => control.writeInt32LE(fd, cmsgHeader + 4 * index))
  return control
}

function decodeRights(control: Buffer): number[] {
  const fds: number[] = []
  for (let at = 0; at + cmsgHeader <= control.length;) {
    const length = Number(control.readBigUInt64LE(at))
    if (length < cmsgHeader) break
    const end = Math.min(at + length, control.length)
    if (control.readInt32LE(at + 8) === SOL_SOCKET && control.readInt32LE(at + 12) === SCM_RIGHTS) {
      for (let fd = at + cmsgHeader; fd + 4 <= end; fd += 4) fds.push(control.readInt32LE(fd))
    }
    at += align(length)
  }
  return fds
}
