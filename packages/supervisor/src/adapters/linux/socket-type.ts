import { familyOf } from '#shared/socket-address.js'
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  SOCK_DGRAM,
  SOCK_STREAM,
  SOL_SOCKET,
  SO_TYPE,
} from '#shared/socket-constants.js'
import type { ListenerSpec } from '../../model/index.js'
import { getsockopt } from './posix.js'

/** What a listener on this socket would be. Null for a socket of another type. `address`: what getsockname(2) returns. */
export function socketType(fd: number, address: Buffer): ListenerSpec['type'] | null {
  const type = getsockopt(fd, SOL_SOCKET, SO_TYPE)
  const family = familyOf(address)
  if (family === AF_UNIX) return type === SOCK_STREAM ? 'unix' : null
  if (family !== AF_INET && family !== AF_INET6) return null
  return type === SOCK_STREAM ? 'tcp' : type === SOCK_DGRAM ? 'udp' : null
}
