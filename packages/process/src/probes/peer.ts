import net from 'node:net'
import { hasPeerAddress, setAddresses } from '../node/handle.js'

/**
 * Gives a connection of a probe socket, which is a unix socket, the addresses that a connection from 127.0.0.1 to the
 * server has. Applications that log or limit by `remoteAddress` read it in each request, those of probes included.
 * Does nothing for a server on a unix socket, and for a connection that has a peer address.
 */
export function appearFromLoopback(socket: net.Socket, server: net.Server): void {
  const address = server.address()
  if (address === null || typeof address === 'string' || hasPeerAddress(socket)) return
  const { family, port } = address
  const loopback = loopbackOf(address.address)
  const local = isWildcard(address.address) ? loopback : address.address
  setAddresses(socket, { address: local, family, port }, { address: loopback, family, port: nextPort() })
}

const isWildcard = (address: string): boolean => address === '0.0.0.0' || address === '::'

/** `::` is taken for a socket of both families, Node's default, which sees 127.0.0.1 as an IPv6 address. */
function loopbackOf(address: string): string {
  if (net.isIPv4(address)) return '127.0.0.1'
  return address === '::' || address.startsWith('::ffff:') ? '::ffff:127.0.0.1' : '::1'
}

/** Each connection has another port, as applications may use address and port as the key of a connection. */
let lastPort = 0
const nextPort = (): number => firstPort + (lastPort++ % (65536 - firstPort))

/** The ephemeral ports of RFC 6335. */
const firstPort = 49152
