import type { FileIdentity } from '../linux/file-identity.js'

/** A socket that is bound, and listens unless it is a datagram socket. */
export interface Bound {
  fd: number
  address: string
  /** The file of a unix socket, so that another's is never deleted. */
  file?: FileIdentity
}
