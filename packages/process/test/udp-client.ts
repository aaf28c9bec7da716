import dgram from 'node:dgram'
import { once } from 'node:events'

/** A UDP socket that records the replies. Nothing is sent twice. */
export class UdpClient {
  readonly socket: dgram.Socket
  readonly received: string[] = []
  #waiting: (() => void)[] = []

  private constructor(socket: dgram.Socket) {
    this.socket = socket
    socket.on('message', (message) => {
      this.received.push(String(message))
      for (const resolve of this.#waiting.splice(0)) resolve()
    })
  }

  static async open(port: number, host = '127.0.0.1'): Promise<UdpClient> {
    const socket = dgram.createSocket(host.includes(':') ? 'udp6' : 'udp4')
    const connected = once(socket, 'connect')
    socket.connect(port, host)
    await connected
    return new UdpClient(socket)
  }

  send(text: string): void {
    this.socket.send(text)
  }

  /** Resolves with the next datagram after those already received, or with null after the timeout. */
  async ask(text: string, timeoutMs = 10_000): Promise<{ pid: number; text: string } | null> {
    const before = this.received.length
    this.send(text)
    if (!(await this.until(() => this.received.length > before, timeoutMs))) return null
    const [, pid, body = ''] = /^(\d+) (.*)$/.exec(this.received[before] ?? '') ?? []
    return { pid: Number(pid), text: body }
  }

  async until(condition: () => boolean, timeoutMs = 10_000): Promise<boolean> {
    const deadline = Date.now() + timeoutMs
    while (!condition()) {
      if (Date.now() >= deadline) return false
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, deadline - Date.now())
        this.#waiting.push(() => {
          clearTimeout(timer)
          resolve()
        })
      })
    }
    return true
  }

  close(): void {
    this.socket.close()
  }
}
