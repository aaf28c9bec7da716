/** The memory layout of `struct msghdr` and of control messages on 64-bit Linux: recvmsg(2), cmsg(3), unix(7). */
import { SCM_RIGHTS, SOL_SOCKET } from './socket-constants.js'

/** SCM_MAX_FD: the maximum number of descriptors in one message. */
export const maxRights = 253

const cmsgHeader = 16
const align = (length: number): number => (length + 7) & ~7

/** Enough bytes for SCM_RIGHTS with `maxRights` descriptors and for credentials. */
export const controlBytes = cmsgHeader + align(4 * maxRights) + cmsgHeader + 16

/** Returns the address of a buffer's memory. */
type AddressOf = (buffer: Buffer) => bigint

export interface MessageHeader {
  header: Buffer
  /** The buffers that the header points to. They must stay referenced until the system call has returned. */
  parts: Buffer[]
}

/** A msghdr of one data buffer and one control buffer, which may be empty. */
export function encodeMessageHeader(addressOf: AddressOf, data: Buffer, control: Buffer): MessageHeader {
  const iovec = Buffer.alloc(16)
  iovec.writeBigUInt64LE(addressOf(data), 0)
  iovec.writeBigUInt64LE(BigInt(data.length), 8)

  const header = Buffer.alloc(56)
  header.writeBigUInt64LE(addressOf(iovec), 16)
  header.writeBigUInt64LE(1n, 24)
  if (control.length > 0) {
    header.writeBigUInt64LE(addressOf(control), 32)
    header.writeBigUInt64LE(BigInt(control.length), 40)
  }
  return { header, parts: [iovec, data, control] }
}

/** Reads the fields that recvmsg(2) has set. Takes the parts, too, which keeps them referenced until now. */
export function readMessageHeader(
  header: Buffer,
  _parts: Buffer[],
): { controlLength: number; flags: number } {
  return { controlLength: Number(header.readBigUInt64LE(40)), flags: header.readInt32LE(48) }
}

/** A control message with these descriptors, or an empty buffer if there are none. */
export function encodeRights(fds: number[]): Buffer {
  if (fds.length === 0) return Buffer.alloc(0)
  const control = Buffer.alloc(cmsgHeader + align(4 * fds.length))
  control.writeBigUInt64LE(BigInt(cmsgHeader + 4 * fds.length), 0)
  control.writeInt32LE(SOL_SOCKET, 8)
  control.writeInt32LE(SCM_RIGHTS, 12)
  fds.forEach((fd, index) => control.writeInt32LE(fd, cmsgHeader + 4 * index))
  return control
}

/** The descriptors in the control messages. */
export function decodeRights(control: Buffer): number[] {
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
