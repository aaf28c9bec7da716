import type net from 'node:net'
import type { Connection } from '../connections/connection.js'
import type { Connections } from '../connections/connections.js'
import { descriptorOf, listenHandleOf, type ListenHandle } from '../node/handle.js'
import { atRest, comeBack, hasWritten, recordOf, setOut, writesUnasked } from '../move/kinds.js'
import type { CarriedConnection } from './record.js'

/** The handle of a connection that was accepted but not given to a server yet. */
interface Client {
  readonly fd: number
}

/**
 * Brings everything to rest that can be carried over: servers get no new connections, and a connection that owes
 * nothing is not read from. All of it can be undone: no socket is closed.
 */
export class Freeze {
  readonly #connections: Connections
  readonly #keeps: (connection: Connection) => boolean
  readonly #frozen = new Set<Connection>()
  /** Connections accepted meanwhile: libuv cannot stop accepting without closing the listener. */
  readonly #held: { server: net.Server; client: Client }[] = []
  #release: (() => void)[] = []

  /** `keeps`: whether a connection can be kept. */
  constructor(connections: Connections, keeps: (connection: Connection) => boolean) {
    this.#connections = connections
    this.#keeps = keeps
  }

  /** Connections that arrive from now on wait and are not read from. */
  begin(): void {
    for (const server of this.#connections.servers) {
      const handle = listenHandleOf(server)
      if (handle !== null) this.#hold(server, handle)
    }
  }

  /**
   * Freezes what is at rest, and returns what is not frozen yet. Call it right after a poll. `decided` is called when
   * the application was asked about a connection and has answered.
   *
   * Connections to which the application may write at any time (WebSockets) come last, when all else is at rest: what
   * it writes after it has exported their state would be lost.
   */
  sweep(decided: () => void): Connection[] {
    const open = [...this.#connections.open]
    const restless = open.filter(writesUnasked)
    const others = open.filter((one) => !writesUnasked(one))
    const idle = this.#thawed(others).filter((one) => one.exchanges.length === 0 && this.#keeps(one))
    for (const one of atRest(this.#connections, idle, decided)) this.#freeze(one)
    const busy = this.#thawed(others)
    if (busy.length > 0) return [...busy, ...this.#thawed(restless)]
    for (const one of restless) if (hasWritten(one) && this.#frozen.delete(one)) comeBack(one)
    const keepable = this.#thawed(restless).filter((one) => this.#keeps(one))
    for (const one of atRest(this.#connections, keepable, decided)) this.#freeze(one)
    return this.#thawed(restless)
  }

  /** Serves everything again. Servers get the connections that have arrived meanwhile. */
  thaw(): void {
    for (const connection of this.#frozen) comeBack(connection)
    this.#frozen.clear()
    for (const release of this.#release.splice(0)) release()
  }

  /** The record of each kept connection for the next program. `nameOf` returns the name of a server's listener. */
  records(nameOf: (server: net.Server) => string): CarriedConnection[] {
    const open = [...this.#frozen].filter(({ socket }) => !socket.destroyed)
    const served = open.map((one) => ({ fd: descriptorOf(one.socket), ...recordOf(one, nameOf(one.server)) }))
    const waiting = this.#held.map(({ server, client }) => ({
      fd: client.fd,
      listener: nameOf(server),
      fresh: true,
      requests: 0,
    }))
    return [...served, ...waiting].filter(({ fd }) => fd >= 0)
  }

  /** How many connections continue in the next program. */
  get kept(): number {
    return this.#frozen.size + this.#held.length
  }

  /** How many of these were accepted, but not given to a server yet. */
  get waiting(): number {
    return this.#held.length
  }

  #thawed(connections: readonly Connection[]): Connection[] {
    return connections.filter((connection) => !this.#frozen.has(connection))
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
