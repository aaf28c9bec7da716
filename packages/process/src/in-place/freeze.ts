import type net from 'node:net'
import { listenHandleOf, descriptorOf, type ListenHandle } from '../node/handle.js'
import type { Connection, Connections } from '../connections/connections.js'
import { idleConnections } from '../connections/idle.js'
import { comeBack, setOut } from '../move/transit.js'
import type { CarriedConnection } from './record.js'

/** The handle of a connection that was accepted but not given to a server yet. */
interface Client {
  readonly fd: number
}

/**
 * Brings to rest everything that can be carried over: the servers get no new connection, and a connection that owes
 * no answer is no longer read from. All of it can be undone: no socket is closed.
 */
export class Freeze {
  readonly #connections: Connections
  readonly #keeps: (connection: Connection) => boolean
  readonly #frozen = new Set<Connection>()
  /** Accepted meanwhile: libuv cannot stop accepting without closing the listener. */
  readonly #held: { server: net.Server; client: Client }[] = []
  #release: (() => void)[] = []

  /** `keeps`: whether a connection can be carried over at all. */
  constructor(connections: Connections, keeps: (connection: Connection) => boolean) {
    this.#connections = connections
    this.#keeps = keeps
  }

  /** Connections that arrive from now on are held. */
  begin(): void {
    for (const server of this.#connections.servers) {
      const handle = listenHandleOf(server)
      if (handle !== null) this.#hold(server, handle)
    }
  }

  /**
   * Freezes what is idle, and returns what is not frozen yet. Call it right after a poll. `decided` is called when
   * the application has exported a WebSocket's state, or refused to.
   *
   * WebSockets come last, when all else is at rest: the application may write to them at any time, and what it
   * writes after it has exported their state would be lost.
   */
  sweep(decided: () => void): Connection[] {
    const thawed = [...this.#connections.open].filter((connection) => !this.#frozen.has(connection))
    const sessions = [...this.#connections.open].filter(({ upgraded }) => upgraded?.session != null)
    const idle = thawed.filter(
      (one) => one.exchanges.length === 0 && one.upgraded === null && this.#keeps(one),
    )
    for (const connection of idleConnections(this.#connections, idle)) this.#freeze(connection)
    const busy = thawed.filter((one) => !this.#frozen.has(one) && !sessions.includes(one))
    if (busy.length > 0) return [...busy, ...sessions.filter((one) => !this.#frozen.has(one))]
    for (const one of sessions) if (one.upgraded?.waits && this.#frozen.delete(one)) comeBack(one)
    for (const one of sessions) {
      if (this.#frozen.has(one) || !this.#keeps(one)) continue
      if (one.upgraded?.session?.prepare(decided)) this.#freeze(one)
    }
    return sessions.filter((one) => !this.#frozen.has(one))
  }

  /** Everything is served again, and the servers get the connections that were held. */
  thaw(): void {
    for (const connection of this.#frozen) comeBack(connection)
    this.#frozen.clear()
    for (const release of this.#release.splice(0)) release()
  }

  /** What the next program needs to know of each connection. `nameOf` returns the name of a server's listener. */
  records(nameOf: (server: net.Server) => string): CarriedConnection[] {
    const open = [...this.#frozen].filter(({ socket }) => !socket.destroyed)
    const served = open.map(({ aside, requests, server, socket, upgraded }) => ({
      fd: descriptorOf(socket),
      listener: nameOf(server),
      fresh: socket.bytesRead === 0 && !aside,
      requests,
      ...(upgraded?.session ? { webSocket: upgraded.session.parcel() } : {}),
    }))
    const waiting = this.#held.map(({ server, client }) => ({
      fd: client.fd,
      listener: nameOf(server),
      fresh: true,
      requests: 0,
    }))
    return [...served, ...waiting].filter(({ fd }) => fd >= 0)
  }

  /** How many connections the next program gets. */
  get kept(): number {
    return this.#frozen.size + this.#held.length
  }

  /** How many of them were accepted but not given to a server yet. */
  get waiting(): number {
    return this.#held.length
  }

  #freeze(connection: Connection): void {
    this.#frozen.add(connection)
    setOut(connection)
  }

  #hold(server: net.Server, handle: ListenHandle): void {
    const { onconnection } = handle
    handle.onconnection = (error, client) => {
      if (client === undefined) return onconnection.call(handle, error, client)
      this.#held.push({ server, client: client as unknown as Client })
    }
    this.#release.push(() => {
      handle.onconnection = onconnection
      const held = this.#held.filter((one) => one.server === server)
      for (const one of held) this.#held.splice(this.#held.indexOf(one), 1)
      for (const { client } of held) onconnection.call(handle, 0, client as never)
    })
  }
}
