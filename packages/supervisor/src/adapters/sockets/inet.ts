import { closeSync } from 'node:fs'
import type { ListenerSpec, Result } from '../../model/index.js'
import { failed, ok } from '../../model/index.js'
import { resolveHost } from '../linux/names.js'
import {
  AF_INET6,
  IPPROTO_IPV6,
  IPV6_V6ONLY,
  SOCK_DGRAM,
  SOCK_STREAM,
  SOL_SOCKET,
  SO_REUSEADDR,
} from '#shared/socket-constants.js'
import { PosixError, bind, getsockname, listen, setsockopt, socket } from '../linux/posix.js'
import type { Bound } from './bound.js'
import { describeOwner, inetSocketInode } from '../linux/socket-owner.js'
import { familyOf, formatInetAddress } from '#shared/socket-address.js'

type InetSpec = Extract<ListenerSpec, { type: 'tcp' | 'udp' }>

/** Opens a listening TCP socket, or a UDP socket. `::` includes IPv4, and becomes `0.0.0.0` on a machine without IPv6. */
export function bindInet(spec: InetSpec): Result<Bound> {
  const type = spec.type === 'tcp' ? SOCK_STREAM : SOCK_DGRAM
  const resolved = resolveHost(spec.host, spec.port, type)
  if (!resolved.ok) return resolved
  try {
    return ok(bindTo(spec, type, resolved.value))
  } catch (error) {
    if (!(error instanceof PosixError)) throw error
    const noIPv6 = error.code === 'EAFNOSUPPORT' || error.code === 'EADDRNOTAVAIL'
    if (spec.host === '::' && noIPv6) return bindInet({ ...spec, host: '0.0.0.0' })
    return failed('Usage', explain(error, spec))
  }
}

function bindTo(spec: InetSpec, type: number, address: Buffer): Bound {
  const fd = socket(familyOf(address), type)
  try {
    // For TCP: bind even if connections of an earlier run are in TIME_WAIT (socket(7)). For UDP it would allow another
    // program to bind the same port.
    if (spec.type === 'tcp') setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, 1)
    if (familyOf(address) === AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, spec.host === '::' ? 0 : 1)
    bind(fd, address)
    if (spec.type === 'tcp') listen(fd, spec.backlog)
    return { fd, address: formatInetAddress(getsockname(fd)) }
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

function explain(error: PosixError, spec: InetSpec): string {
  const what = `${spec.type === 'udp' ? 'UDP ' : ''}port ${spec.port}`
  switch (error.code) {
    case 'EADDRINUSE':
      return `${what} on "${spec.host}" is in use${describeOwner(inetSocketInode(spec.type, spec.port, spec.host))}`
    case 'EACCES':
      return `${what} needs root or the capability CAP_NET_BIND_SERVICE; a port from 1024 up needs neither`
    case 'EADDRNOTAVAIL':
      return `this machine does not have the address "${spec.host}"`
    case 'EAFNOSUPPORT':
      return `the address "${spec.host}" is IPv6, which this machine does not support`
    default:
      return `${what} on "${spec.host}" cannot be listened on: ${error.message}`
  }
}
