import type net from 'node:net'
import type { Connections } from '../connections/connections.js'
import { Endpoints } from '../connections/websocket/endpoints.js'
import type { CarriedOver } from '../in-place/carried-over.js'
import { Receiver } from '../move/receiver.js'
import type { Environment } from '../protocol/environment.js'

/** Connections that this process receives: from a predecessor, or carried over from its earlier program. */
export class Arrivals {
  readonly endpoints: Endpoints
  readonly #connections: Connections
  readonly #carriedOver: CarriedOver
  readonly #receiver: Receiver | null = null

  /** `environment` is null for a service that receives nothing from predecessors. */
  constructor(
    connections: Connections,
    carriedOver: CarriedOver,
    environment: Environment | null,
    warn: (message: string) => void,
  ) {
    this.endpoints = new Endpoints(warn)
    this.#connections = connections
    this.#carriedOver = carriedOver
    if (environment === null) return
    const { HANDOVER_SOCKET: supervisor, HANDOVER_PREDECESSOR: channel = supervisor } = environment
    this.#receiver = new Receiver({ connections, endpoints: this.endpoints }, channel, warn)
  }

  /** Calls `received` after each batch of a predecessor's connections. Returns a function that ends this. */
  subscribe(received: () => void): () => void {
    return this.#receiver?.subscribe(received) ?? (() => {})
  }

  /** `server` has adopted that listener, and receives the connections that were carried over with it. */
  serve(server: net.Server, listener: string): void {
    this.#carriedOver.serve(this.#connections, this.endpoints, server, listener)
  }

  /** The message `adopts` once `server` can receive a predecessor's connections, or null if it cannot. */
  offer(server: net.Server, listener: string): { path: string; listeners: string[] } | null {
    return this.#receiver?.offer(server, listener) ?? null
  }

  /** Creates the receiving socket again if its file was removed. */
  renewSocket(): void {
    this.#receiver?.renewSocket()
  }

  close(): void {
    this.#receiver?.close()
    this.#carriedOver.close()
  }
}
