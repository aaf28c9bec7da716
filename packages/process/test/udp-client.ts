import dgram from 'node:dgram'
import { once } from 'node:events'
import { Changes } from '@handover/testkit'

/** A UDP socket that records the replies. Nothing is sent twice. */
export class UdpClient {
  readonly socket: dgram.Socket
  readonly received: string[] = []
  readonly #events = new Changes()

  private constructor(socket: dgram.Socket) {
    this.socket = socket
    socket.on('message', (message) => {
      this.received.push(String(message))
      this.#events.changed()
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
  async ask(text: string): Promise<{ pid: number; text: string }> {
    const before = this.received.length
    this.send(text)
    await this.until(() => this.received.length > before)
    const [, pid, body = ''] = /^(\d+) (.*)$/.exec(this.received[before] ?? '') ?? []
    return { pid: Number(pid), text: body }
  }

  until(condition: () => boolean, seconds = 10): Promise<void> {
    const soFar = () => `${this.received.length} datagrams received`
    return this.#events.until(condition, () => `${String(condition)}; ${soFar()}`, seconds)
  }

  close(): void {
    this.socket.close()
  }
}
