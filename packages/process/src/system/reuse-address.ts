import { loadKoffi } from './koffi.js'
import { SOL_SOCKET, SO_REUSEADDR } from '#shared/socket-constants.js'

/**
 * libuv sets SO_REUSEADDR on every UDP descriptor that it is given (`uv_udp_open`), for everyone who shares it. Any
 * other program that sets it, too, could then bind the same port and get the datagrams (socket(7)). Runs `open` and
 * puts the option back as it was; without koffi it stays set.
 */
export function keepingReuseAddress(fd: number, open: () => void): void {
  const libc = loadKoffi()?.load(null)
  if (libc === undefined) return open()
  const getsockopt = libc.func('int getsockopt(int, int, int, void *, void *)')
  const setsockopt = libc.func('int setsockopt(int, int, int, const void *, unsigned int)')
  const value = Buffer.alloc(4)
  const length = Buffer.from(new Uint32Array([value.length]).buffer)
  const known = Number(getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, value, length)) === 0
  open()
  if (known) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, value, value.length)
}
