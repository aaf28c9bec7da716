import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import fs from 'node:fs'
import type { ServerResponse } from 'node:http'
import type net from 'node:net'
import path from 'node:path'
import { adoptConnection } from './adopted.js'
import type { MovedConnection } from './adoption-protocol.js'
import { AdoptionSocket } from './adoption-socket.js'
import type { Connections } from './connections.js'
import { isKoffiInstalled } from './koffi.js'
import { isPlainHttp1 } from './mover.js'
import { adoptWebSocket, isComplete } from './websocket/adopt.js'
import type { Endpoints } from './websocket/endpoints.js'

/** Takes predecessors' connections over, for the servers that it is told of. */
export class Adoption {
  readonly #connections: Connections
  readonly #endpoints: Endpoints
  readonly #path: string | null
  readonly #failed: (message: string) => void
  /** By the name of their listener. */
  readonly #servers = new Map<string, net.Server>()
  #socket: AdoptionSocket | null = null
  /** Called when a batch of connections was taken, before it is acknowledged. */
  adopted: () => void = () => {}

  /** `channel`: the supervisor's socket; what is ours lies beside it. Without one there are no predecessors. */
  constructor(
    connections: Connections,
    endpoints: Endpoints,
    channel: string | undefined,
    failed: (message: string) => void,
  ) {
    this.#connections = connections
    this.#endpoints = endpoints
    this.#path =
      channel === undefined || !isKoffiInstalled() ? null : path.join(path.dirname(channel), 'adopt.sock')
    this.#failed = failed
  }

  /** What the supervisor is to be told once this server, too, can adopt; null where it cannot. */
  offer(server: net.Server, listener: string): { path: string; listeners: string[] } | null {
    if (this.#path === null || !isPlainHttp1(server)) return null
    this.#socket ??= this.#open(this.#path)
    if (!this.#socket.listening) return null
    this.#servers.set(listener, server)
    return { path: this.#path, listeners: [...this.#servers.keys()] }
  }

  close(): void {
    this.#socket?.close()
    unsubscribe('http.server.request.start', this.#limitRequests)
  }

  #open(socketPath: string): AdoptionSocket {
    subscribe('http.server.request.start', this.#limitRequests)
    return new AdoptionSocket(
      socketPath,
      {
        open: () => this.#connections.open.size,
        webSockets: () => this.#endpoints.names,
        take: (about, fd) => this.#take(about, fd),
        batchTaken: () => this.adopted(),
      },
      this.#failed,
    )
  }

  #take(about: MovedConnection, fd: number): boolean {
    const server = this.#servers.get(about.listener)
    const { webSocket } = about
    if (server?.listening === true) {
      if (webSocket === undefined) return adoptConnection(this.#connections, server, fd, about)
      const endpoint = isComplete(webSocket) ? this.#endpoints.named(webSocket.name) : undefined
      if (endpoint) return adoptWebSocket(this.#connections, server, fd, { ...about, webSocket }, endpoint)
    }
    fs.closeSync(fd)
    return false
  }

  /**
   * `maxRequestsPerSocket` counts what the client has asked for, wherever it was answered. Node counts anew for
   * a connection that is new to it, and writes its own finding to the response right after this.
   */
  #limitRequests = (message: unknown): void => {
    const { response, socket } = message as { response: ServerResponse; socket: net.Socket }
    const connection = this.#connections.of(socket)
    const { maxRequestsPerSocket: most } = (connection?.server ?? {}) as {
      maxRequestsPerSocket?: number | null
    }
    if (connection === undefined || !most || connection.requests < most) return
    Object.defineProperty(response, 'maxRequestsOnConnectionReached', { get: () => true, set: () => {} })
  }
}
