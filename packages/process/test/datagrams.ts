import { createRequire } from 'node:module'

interface Call {
  (...args: unknown[]): number
  async(...args: [...unknown[], (error: Error | null, result: number) => void]): void
}
const koffi = createRequire(import.meta.url)('koffi') as {
  load(library: null): { func(prototype: string): Call }
}
const libc = koffi.load(null)
const socket = libc.func('int socket(int, int, int)')
const bind = libc.func('int bind(int, const void *, unsigned int)')
const setsockopt = libc.func('int setsockopt(int, int, int, const void *, unsigned int)')
const recv = libc.func('intptr_t recv(int, _Out_ uint8_t *, size_t, int)')
const close = libc.func('int close(int)')

const AF_UNIX = 1
const SOCK_DGRAM = 2
const SOL_SOCKET = 1
const SO_RCVTIMEO = 20

/** The service manager's end of NOTIFY_SOCKET. */
export class DatagramSocket {
  readonly #fd = socket(AF_UNIX, SOCK_DGRAM, 0)

  constructor(path: string) {
    const family = Buffer.from(new Uint16Array([AF_UNIX]).buffer)
    const address = Buffer.concat([
      family,
      Buffer.from(path.startsWith('@') ? `\0${path.slice(1)}` : `${path}\0`),
    ])
    if (bind(this.#fd, address, address.length) !== 0) throw new Error(`bind to ${path} failed`)
    const tenSeconds = Buffer.from(new BigInt64Array([10n, 0n]).buffer)
    setsockopt(this.#fd, SOL_SOCKET, SO_RCVTIMEO, tenSeconds, tenSeconds.length)
  }

  /** Resolves with the next datagram that is not empty. Rejects after ten seconds. */
  async receive(): Promise<string> {
    for (;;) {
      const text = await this.#next()
      // systemd-notify sends a descriptor to learn that everything before was read: closing it is the answer.
      if (text !== 'BARRIER=1') return text
    }
  }

  close(): void {
    close(this.#fd)
  }

  #next(): Promise<string> {
    const buffer = Buffer.alloc(4096)
    return new Promise((resolve, reject) => {
      recv.async(this.#fd, buffer, buffer.length, 0, (error, length) => {
        if (error !== null || length < 0) reject(error ?? new Error('no datagram came'))
        else resolve(buffer.toString('utf8', 0, Number(length)))
      })
    })
  }
}
