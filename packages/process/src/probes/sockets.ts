import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { asideOf } from '../listeners/unix-path.js'
import { isClusterWorker } from '../announce/cluster-worker.js'
import { type AcceptQueue } from '../node/accept-queue.js'
import { listenHandleOf } from '../node/handle.js'
import { originalListen } from '../node/original-listen.js'
import { appearFromLoopback } from './peer.js'

/**
 * Private sockets of this instance: connections to `<folder>/<listener>.sock` are served by
 * the server that has adopted the listener. They stay open while the service drains.
 */
export class ProbeSockets {
  readonly #folder: string | undefined
  readonly #connected: (socket: net.Socket) => void
  readonly #failed: (message: string) => void
  /** By the name of the listener. */
  readonly #servers = new Map<string, net.Server>()
  readonly #sockets = new Set<net.Socket>()
  /** Of the listeners whose connections workers get. */
  readonly #queues = new Map<string, AcceptQueue>()

  /**
   * `folder`: HANDOVER_PROBE_DIR. Without it, nothing is opened. `connected` gets each connection before the server
   * does. `failed` gets a sentence if a socket cannot be opened.
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

  /** Opens the socket of a listener; `server` serves its connections. Closes the one opened for an earlier server. */
  open(listener: string, server: net.Server): void {
    if (this.#folder === undefined) return
    this.close(listener)
    const socketPath = this.#pathOf(listener)
    // allowHalfOpen as in http.Server: a client may end its side before it reads the response.
    const probeServer = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.#sockets.add(socket.unref())
      socket.once('close', () => this.#sockets.delete(socket))
      appearFromLoopback(socket, server)
      this.#connected(socket)
      server.emit('connection', socket)
    })
    probeServer.on('error', (error) =>
      this.#failed(`The probe socket "${socketPath}" cannot be opened: ${error.message}`),
    )
    this.#servers.set(listener, probeServer)
    this.#listen(listener, probeServer)
  }

  /** Opens those again whose files were removed. */
  renew(): void {
    for (const [listener, server] of this.#servers) {
      if (fs.existsSync(this.#pathOf(listener))) continue
      net.Server.prototype.close.call(server)
      this.#listen(listener, server)
      const queue = this.#queues.get(listener)
      if (queue !== undefined) this.divert(listener, queue)
    }
  }

  /** In a worker of node:cluster: `server` gets probes from the primary, among other connections. */
  receiveFromPrimary(server: net.Server): void {
    if (isClusterWorker())
      server.prependListener('connection', (socket: net.Socket) => appearFromLoopback(socket, server))
  }

  /** Passes the connections of a listener's socket to the workers of a node:cluster primary instead. */
  divert(listener: string, queue: AcceptQueue): void {
    this.#queues.set(listener, queue)
    const server = this.#servers.get(listener)
    const handle = server === undefined ? null : listenHandleOf(server)
    if (handle === null) return
    handle.onconnection = (error, client) => {
      if (error === 0 && client !== undefined) queue.push(client)
    }
  }

  closeAll(): void {
    for (const listener of this.#servers.keys()) this.close(listener)
    for (const socket of this.#sockets) socket.destroy()
  }

  #pathOf(listener: string): string {
    return path.join(this.#folder ?? '', `${listener}.sock`)
  }

  #listen(listener: string, server: net.Server): void {
    const socketPath = this.#pathOf(listener)
    const aside = asideOf(socketPath)
    fs.rmSync(aside, { force: true })
    originalListen.call(server, { path: aside }).unref()
    if (server.listening) fs.renameSync(aside, socketPath)
  }

  /** Closes the socket of a listener. Its connections stay. */
  close(listener: string): void {
    const server = this.#servers.get(listener)
    if (server === undefined || this.#folder === undefined) return
    fs.rmSync(path.join(this.#folder, `${listener}.sock`), { force: true })
    net.Server.prototype.close.call(server)
    this.#servers.delete(listener)
  }
}
