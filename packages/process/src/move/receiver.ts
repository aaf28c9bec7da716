import type net from 'node:net'
import path from 'node:path'
import { limitRequests } from '../connections/request-limit.js'
import { isKoffiInstalled } from '../system/koffi.js'
import { Subscribers } from '../system/subscribers.js'
import { canReceive, greetingOf, receive } from './kinds.js'
import type { Home } from './movable.js'
import { ReceivingSocket } from './receiving-socket.js'

/** Continues predecessors' connections on the servers that were offered. */
export class Receiver {
  readonly #home: Home
  readonly #path: string | null
  readonly #failed: (message: string) => void
  /** By the name of their listener. */
  readonly #servers = new Map<string, net.Server>()
  readonly #subscribers = new Subscribers()
  #socket: ReceivingSocket | null = null
  #stopLimiting: () => void = () => {}

  /** `channel`: the supervisor's socket. The receiving socket is in the same folder. Undefined without predecessors. */
  constructor(home: Home, channel: string | undefined, failed: (message: string) => void) {
    this.#home = home
    this.#path =
      channel === undefined || !isKoffiInstalled() ? null : path.join(path.dirname(channel), 'adopt.sock')
    this.#failed = failed
  }

  /** Calls `received` after each batch, before it is acknowledged. Returns a function that stops this. */
  subscribe(received: () => void): () => void {
    return this.#subscribers.subscribe(received)
  }

  /** From now on, also receives for this server. Returns the message for the supervisor, or null if it cannot. */
  offer(server: net.Server, listener: string): { path: string; listeners: string[] } | null {
    if (this.#path === null || !canReceive(server)) return null
    this.#socket ??= this.#open(this.#path)
    if (!this.#socket.listening) return null
    this.#servers.set(listener, server)
    return { path: this.#path, listeners: [...this.#servers.keys()] }
  }

  /** Creates the receiving socket again if its file was removed. */
  renewSocket(): void {
    this.#socket?.renew()
  }

  close(): void {
    this.#socket?.close()
    this.#stopLimiting()
  }

  #open(socketPath: string): ReceivingSocket {
    this.#stopLimiting = limitRequests(this.#home.connections)
    return new ReceivingSocket(
      socketPath,
      {
        greeting: () => greetingOf(this.#home),
        receive: (record, fd) => receive(this.#home, this.#servers.get(record.listener), record, fd),
        received: () => this.#subscribers.notify(),
      },
      this.#failed,
    )
  }
}
