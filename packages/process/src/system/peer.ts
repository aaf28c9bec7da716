import type { Koffi } from './koffi.js'
import { SOL_SOCKET, SO_PEERCRED } from '#shared/socket-constants.js'

/** The process at the other end of a unix stream socket, recorded by the kernel at connect(2): SO_PEERCRED, unix(7). */
export interface Peer {
  pid: number
  uid: number
}

/** Null if the kernel has no record of it. */
export function peerOf(koffi: Koffi, fd: number): Peer | null {
  const getsockopt = koffi.load(null).func('int getsockopt(int, int, int, void *, void *)')
  const credentials = Buffer.alloc(12) // struct ucred: pid, uid, gid
  const length = Buffer.alloc(4)
  length.writeInt32LE(credentials.length)
  if (Number(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, credentials, length)) < 0) return null
  return { pid: credentials.readInt32LE(0), uid: credentials.readUInt32LE(4) }
}

/** The same user as this process, or root, which has every right over it in any case. */
export const isTrusted = ({ uid }: Peer): boolean => uid === 0 || uid === process.geteuid?.()
