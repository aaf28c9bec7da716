import dgram from 'node:dgram'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import net from 'node:net'
import { datagramDescriptor, stopReceiving } from '../dist/node/datagram-handle.js'

/** A listening socket without an accepting process, as a supervisor holds it. */
export interface HeldSocket {
  fd: number
  /** 0 for a unix socket. */
  port: number
  close(): void
}

interface BoundHandle {
  fd: number
  close(): void
  getsockname?(out: { port?: number }): void
}

const { _createServerHandle: bind } = net as unknown as {
  _createServerHandle: (address: string, port: number, addressType: number) => BoundHandle | number
}

interface Koffi {
  load(library: null): { func(prototype: string): (fd: number, backlog: number) => number }
}

// Node can bind without listening, but cannot listen without accepting.
const koffi = createRequire(import.meta.url)('koffi') as Koffi
const listen = koffi.load(null).func('int listen(int, int)')

export const heldTcp = (host = '127.0.0.1'): HeldSocket => held(bind(host, 0, host.includes(':') ? 6 : 4))
export const heldUnix = (path: string): HeldSocket => held(bind(path, -1, -1))

/** A bound UDP socket without a reading process. */
export async function heldUdp(host = '127.0.0.1'): Promise<HeldSocket> {
  const socket = dgram.createSocket(host.includes(':') ? 'udp6' : 'udp4')
  await once(socket.bind(0, host), 'listening')
  stopReceiving(socket)
  return { fd: datagramDescriptor(socket), port: socket.address().port, close: () => socket.close() }
}

function held(handle: BoundHandle | number): HeldSocket {
  if (typeof handle === 'number') throw new Error(`bind failed with ${handle}`)
  if (listen(handle.fd, 4096) !== 0) throw new Error('listen failed')
  const name: { port?: number } = {}
  handle.getsockname?.(name)
  return { fd: handle.fd, port: name.port ?? 0, close: () => handle.close() }
}
