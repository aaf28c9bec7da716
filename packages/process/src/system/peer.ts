import type { Koffi } from './koffi.js'
import { SOL_SOCKET, SO_PEERCRED } from '#shared/socket-constants.js'

/** Who is at the other end of a unix stream socket, as the kernel noted it at connect(2): SO_PEERCRED, unix(7). */
export interface Peer {
  pid: number
  uid: number
}

export function peerOf(koffi: Koffi, fd: number): Peer | null {
  const getsockopt = koffi.load(null).func('int getsockopt(int, int, int, void *, void *)')
  const credentials = Buffer.alloc(12) // struct ucred: pid, uid, gid
  const length = Buffer.alloc(4)
  length.writeInt32LE(credentials.length)
  if (Number(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, credentials, length)) < 0) return null
  return { pid: credentials.readInt32LE(0), uid: credentials.readUInt32LE(4) }
}

/** Our own user, or root, who could do anything to us anyway. */
export const isTrusted = ({ uid }: Peer): boolean => uid === 0 || uid === process.geteuid?.()
