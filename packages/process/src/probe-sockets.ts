import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { handleOf, type AcceptQueue } from './accept-queue.js'
import { originalListen } from './adopt.js'

/**
 * A door of this instance's own beside the shared listener: `<dir>/<listener>.sock`, whose connections are
 * served by the server that adopted the listener. It stays open while the service drains.
 */
export class ProbeSocket {
  readonly #door: net.Server
  readonly #sockets = new Set<net.Socket>()

  /** `serve` gets each connection; `failed` a sentence, where the door cannot be opened. */
  constructor(
    folder: string,
    listener: string,
    serve: (socket: net.Socket) => void,
    failed: (message: string) => void,
  ) {
    const socketPath = path.join(folder, `${listener}.sock`)
    // allowHalfOpen as http.Server has it: a client may end its side before it reads the answer.
    this.#door = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
      serve(socket)
    })
    this.#door.on('error', (error) =>
      failed(`The probe socket "${socketPath}" cannot be opened: ${error.message}`),
    )
    fs.rmSync(socketPath, { force: true })
    originalListen.call(this.#door, { path: socketPath })
    this.#door.unref()
  }

  /** Gives the connections to the workers of a node:cluster primary instead. */
  divert(queue: AcceptQueue): void {
    const handle = handleOf(this.#door)
    if (handle === null) return
    handle.onconnection = (error, client) => {
      if (error === 0 && client !== undefined) queue.push(client)
    }
  }

  close(): void {
    net.Server.prototype.close.call(this.#door)
    for (const socket of this.#sockets) socket.destroy()
  }
}
