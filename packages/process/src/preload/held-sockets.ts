import { AsyncLocalStorage } from 'node:async_hooks'
import type { Connection } from '../connections/connection.js'
import type { Connections } from '../connections/connections.js'
import { markAsOurs } from '../node/plain-socket.js'

/**
 * Lets a handler of the application end no connection with a request in flight: `socket.destroy()` and the like wait for
 * the last byte of the response. Many handlers destroy all sockets that they know, some time after they close the server.
 *
 * Only what the handler calls is held back, also in its timers and promises: a request that ends its own connection
 * does so on purpose.
 */
export class HeldSockets {
  readonly #connections: Connections
  readonly #handler = new AsyncLocalStorage<true>()
  readonly #held = new Map<Connection, () => void>()

  constructor(connections: Connections) {
    this.#connections = connections
  }

  /** Calls `handler`, from which on nothing that it does ends a connection with a request in flight. */
  run<T>(handler: () => T): T {
    for (const connection of this.#connections.open) this.#guard(connection)
    this.#connections.subscribe({ becameIdle: (connection) => this.#idle(connection) })
    return this.#handler.run(true, handler)
  }

  #guard(connection: Connection): void {
    const { session, socket, stream } = connection
    for (const end of ['end', 'destroy', 'destroySoon', 'resetAndDestroy'])
      for (const target of new Set([socket, stream])) this.#replace(connection, target, end)
    if (session !== null) this.#replace(connection, session, 'destroy')
  }

  #replace(connection: Connection, target: object, method: string): void {
    const original = Reflect.get(target, method) as (...args: unknown[]) => unknown
    const held = (...args: unknown[]): unknown => {
      const inFlight = connection.exchanges.length > 0 && this.#handler.getStore() === true
      if (!inFlight) return original.apply(target, args)
      if (!this.#held.has(connection)) this.#held.set(connection, () => original.apply(target, args))
      return target
    }
    Reflect.set(target, method, markAsOurs(held))
  }

  #idle(connection: Connection): void {
    const end = this.#held.get(connection)
    this.#held.delete(connection)
    if (end === undefined) return
    const { session, stream } = connection
    if (session === null) stream.destroySoon()
    else end()
  }
}
