import type net from 'node:net'
import { listenHandleOf } from './handle.js'

interface NamedHandle {
  getsockname?(out: Name): number
  getpeername?(out: Name): number
}

interface Name {
  address?: string
  family?: string
  port?: number
}

const patched = new WeakSet<net.Server>()

/**
 * For a server that has asked for an IPv4 address and has a socket on `::`, which receives IPv4, too: `address()` and
 * the addresses of its connections are those that it would see on its own socket, `127.0.0.1` and not
 * `::ffff:127.0.0.1`.
 */
export function presentAsIPv4(server: net.Server, address: string): void {
  const handle = listenHandleOf(server) as NamedHandle | null
  const name: Name = {}
  if (handle?.getsockname?.(name) !== 0 || name.family !== 'IPv6') return
  handle.getsockname = (out) => {
    Object.assign(out, { address, family: 'IPv4', port: name.port })
    return 0
  }
  if (patched.has(server)) return
  patched.add(server)
  server.prependListener('connection', (socket: net.Socket) => {
    const connection = (socket as net.Socket & { _handle?: NamedHandle | null })._handle
    if (connection) presentConnection(connection)
  })
}

function presentConnection(handle: NamedHandle): void {
  for (const method of ['getpeername', 'getsockname'] as const) {
    const original = handle[method]
    if (original === undefined) continue
    handle[method] = (out) => {
      const failure = original.call(handle, out)
      if (failure === 0 && out.address?.startsWith(mapped)) {
        out.address = out.address.slice(mapped.length)
        out.family = 'IPv4'
      }
      return failure
    }
  }
}

const mapped = '::ffff:'
