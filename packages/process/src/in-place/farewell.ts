import { protocolDrains } from '../drain/protocols.js'
import type { DrainContext, ProtocolDrain } from '../drain/protocol.js'

/**
 * Ends what the next program could not continue, in the way of each protocol: TLS and pinned connections with
 * their next response, HTTP/2 by GOAWAY, WebSockets and event streams at a boundary. It ends them as a drain does, but
 * the service keeps accepting meanwhile.
 */
export class Farewell {
  readonly #drains: ProtocolDrain[]
  readonly #subscriptions: (() => void)[]
  #begun = false

  /** `context.spared`: connections that the next program can continue. `changed` is called when one begins or ends. */
  constructor(context: DrainContext, changed: () => void) {
    const { connections } = context
    this.#drains = protocolDrains(context)
    this.#subscriptions = [
      connections.subscribe({
        requested: (connection) => {
          if (!context.spared(connection)) this.begin()
          changed()
        },
        sessionOpened: () => this.begin(),
        becameIdle: changed,
        closed: changed,
      }),
      ...this.#drains.map((drain) => connections.subscribe(drain)),
    ]
  }

  /** To be called once there is a connection that cannot be kept. */
  begin(): void {
    if (this.#begun) return
    this.#begun = true
    for (const drain of this.#drains) drain.begin()
  }

  /** Asks no further connection to end. Those that were asked still end. Calling it again has no effect. */
  stop(): void {
    for (const end of this.#subscriptions) end()
    for (const drain of this.#drains) drain.stop?.()
  }
}
