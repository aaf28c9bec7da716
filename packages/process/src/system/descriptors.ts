import os from 'node:os'
import type { Koffi } from './koffi.js'
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
} from '#shared/socket-constants.js'

/** Passes descriptors over a unix stream socket: SCM_RIGHTS, unix(7), cmsg(3). */
export interface DescriptorCalls {
  /**
   * Sends the bytes with copies of these descriptors, without waiting. Returns the number of bytes that were sent.
   * This is 0 if the socket is full or too many descriptors are in flight. Throws on a broken socket.
   */
  send(socket: number, data: Buffer, fds: number[]): number
  /** Receives without waiting. Returns null if there is nothing. */
  receive(socket: number): Received | null
  /** Returns a copy with close-on-exec set. Its number is the lowest free one from `from` on. Default: 3. Throws if the call fails. */
  duplicate(fd: number, from?: number): number
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
  const fcntl = libc.func('int fcntl(int, int, long)')

  return {
    send(socket, bytes, fds) {
      const rights = encodeRights(fds)
      const { header, parts } = encodeMessageHeader(koffi.address, bytes, rights)
      const sent = sendmsg(socket, header, MSG_DONTWAIT | MSG_NOSIGNAL)
      void parts // the header points into them: they must stay alive until the call has returned
      if (sent >= 0) return Number(sent)
      if (mayBeTriedAgain.has(koffi.errno())) return 0
      throw new Error(`sendmsg failed with errno ${koffi.errno()}`)
    },
    receive: receiver(koffi, MSG_DONTWAIT),
    duplicate(fd, from = 3) {
      const copy = Number(fcntl(fd, F_DUPFD_CLOEXEC, from))
      if (copy < 0) throw new Error(`fcntl failed with errno ${koffi.errno()}`)
      return copy
    },
  }
}

/** `flags` for recvmsg(2). Without MSG_DONTWAIT, null means that a signal or the socket's timeout has ended the call. */
export function receiver(koffi: Koffi, flags: number): DescriptorCalls['receive'] {
  const recvmsg = koffi.load(null).func('int64_t recvmsg(int, void *, int)')
  const data = Buffer.alloc(64 * 1024)
  const control = Buffer.alloc(controlBytes)
  return (socket) => {
    const { header, parts } = encodeMessageHeader(koffi.address, data, control)
    const received = Number(recvmsg(socket, header, flags | MSG_CMSG_CLOEXEC))
    if (received < 0) {
      if (mayBeTriedAgain.has(koffi.errno())) return null
      return { data: Buffer.alloc(0), fds: [], carried: false, end: true }
    }
    const read = readMessageHeader(header, parts)
    const fds = decodeRights(control.subarray(0, read.controlLength))
    const cut = (read.flags & MSG_CTRUNC) !== 0
    const carried = fds.length > 0 || cut
    return { data: Buffer.from(data.subarray(0, received)), fds, carried, end: received === 0 }
  }
}

/** 109 is ETOOMANYREFS: this user has as many descriptors in flight as a process may have open. */
const mayBeTriedAgain = new Set([
  os.constants.errno.EAGAIN,
  os.constants.errno.EINTR,
  os.constants.errno.ENOBUFS,
  109,
])
