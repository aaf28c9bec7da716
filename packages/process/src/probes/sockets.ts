import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { handleOf, type AcceptQueue } from '../node/accept-queue.js'
import { originalListen } from '../node/original-listen.js'

/**
 * Doors of this instance's own beside the shared listeners: `<dir>/<listener>.sock`, whose connections are
 * served by the server that adopted the listener. They stay open while the service drains.
 */
export class ProbeSockets {
  readonly #folder: string | undefined
  readonly #connected: (socket: net.Socket) => void
  readonly #failed: (message: string) => void
  /** By the name of the listener. */
  readonly #doors = new Map<string, net.Server>()
  readonly #sockets = new Set<net.Socket>()

  /**
   * `folder`: HANDOVER_PROBE_DIR; without it there are no doors. `connected` sees each connection before the
   * server does; `failed` gets a sentence, where a door cannot be opened.
   */
  constructor(
    folder: string | undefined,
    connected: (socket: net.Socket) => void,
    failed: (message: string) => void,
  ) {
    this.#folder = folder
    this.#connected = connected
    this.#failed = failed
  }

  /** Opens the door of a listener; `server` serves. One that was opened before for another server is closed. */
  open(listener: string, server: net.Server): void {
    if (this.#folder === undefined) return
    this.#close(listener)
    const socketPath = path.join(this.#folder, `${listener}.sock`)
    // allowHalfOpen as http.Server has it: a client may end its side before it reads the answer.
    const door = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.#sockets.add(socket.unref())
      socket.once('close', () => this.#sockets.delete(socket))
      this.#connected(socket)
      server.emit('connection', socket)
    })
    door.on('error', (error) =>
      this.#failed(`The probe socket "${socketPath}" cannot be opened: ${error.message}`),
    )
    fs.rmSync(socketPath, { force: true })
    originalListen.call(door, { path: socketPath }).unref()
    this.#doors.set(listener, door)
  }

  /** Gives the connections to the workers of a node:cluster primary instead. */
  divert(listener: string, queue: AcceptQueue): void {
    const door = this.#doors.get(listener)
    const handle = door === undefined ? null : handleOf(door)
    if (handle === null) return
    handle.onconnection = (error, client) => {
      if (error === 0 && client !== undefined) queue.push(client)
    }
  }

  closeAll(): void {
    for (const listener of this.#doors.keys()) this.#close(listener)
    for (const socket of this.#sockets) socket.destroy()
  }

  #close(listener: string): void {
    const door = this.#doors.get(listener)
    if (door !== undefined) net.Server.prototype.close.call(door)
    this.#doors.delete(listener)
  }
}
