import { loadKoffi } from './koffi.js'
import { SOL_SOCKET, SO_REUSEADDR } from '#shared/socket-constants.js'

/**
 * Runs `open`, then restores SO_REUSEADDR on the descriptor. libuv sets the option on every UDP descriptor that it
 * opens (`uv_udp_open`), and so for all processes that share the socket: another program with the option set could then
 * bind the same port and get the datagrams (socket(7)). Without koffi the option stays set.
 */
export function preserveReuseAddress<T>(fd: number, open: () => T): T {
  const libc = loadKoffi()?.load(null)
  if (libc === undefined) return open()
  const getsockopt = libc.func('int getsockopt(int, int, int, void *, void *)')
  const setsockopt = libc.func('int setsockopt(int, int, int, const void *, unsigned int)')
  const value = Buffer.alloc(4)
  const length = Buffer.from(new Uint32Array([value.length]).buffer)
  const known = Number(getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, value, length)) === 0
  const opened = open()
  if (known) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, value, value.length)
  return opened
}
