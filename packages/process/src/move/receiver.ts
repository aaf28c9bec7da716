import type net from 'node:net'
import path from 'node:path'
import type { MovedConnection } from '../protocol/moves.js'
import { AdoptionSocket } from './receiving-socket.js'
import type { Connections } from '../connections/connections.js'
import { isKoffiInstalled } from '../system/koffi.js'
import { limitRequests } from '../connections/request-limit.js'
import { takeConnection } from './receive.js'
import { isPlainHttp1 } from './transit.js'
import type { Endpoints } from '../connections/websocket/endpoints.js'

/** Takes predecessors' connections over, for the servers that it is told of. */
export class Adoption {
  readonly #connections: Connections
  readonly #endpoints: Endpoints
  readonly #path: string | null
  readonly #failed: (message: string) => void
  /** By the name of their listener. */
  readonly #servers = new Map<string, net.Server>()
  #socket: AdoptionSocket | null = null
  #stopLimiting: () => void = () => {}
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
    this.#stopLimiting()
  }

  #open(socketPath: string): AdoptionSocket {
    this.#stopLimiting = limitRequests(this.#connections)
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
    return takeConnection(this.#connections, this.#endpoints, server, about, fd)
  }
}
