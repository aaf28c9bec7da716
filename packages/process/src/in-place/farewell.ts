import type { Connection, Connections, Exchange } from '../connections/connections.js'
import { IdleSweep } from '../drain/drain.js'
import { Goodbyes } from '../drain/goodbyes.js'
import type { LastRequests } from '../drain/last-requests.js'
import { sayGoodbyeAfterFirstRequest } from '../drain/http2.js'

/**
 * Ends what cannot be carried over, each connection in the way of its protocol: TLS and pinned connections with
 * their next answer, HTTP/2 with GOAWAY, WebSockets and event streams at a boundary. A drain does the same, but here
 * the service keeps accepting.
 */
export class Farewell {
  readonly #connections: Connections
  readonly #lastRequests: LastRequests
  readonly #keeps: (connection: Connection) => boolean
  readonly #idle: IdleSweep
  readonly #goodbyes: Goodbyes
  #begun = false

  /** `deadline`: milliseconds, performance.now(). `changed` is called when a request or connection begins or ends. */
  constructor(
    connections: Connections,
    lastRequests: LastRequests,
    keeps: (connection: Connection) => boolean,
    { deadline, idleMs }: { deadline: number; idleMs: number },
    changed: () => void,
  ) {
    this.#connections = connections
    this.#lastRequests = lastRequests
    this.#keeps = keeps
    this.#idle = new IdleSweep(connections, idleMs, keeps)
    this.#goodbyes = new Goodbyes(connections, keeps, deadline)
    connections.observer = {
      requested: (connection, exchange) => {
        this.#requested(connection, exchange)
        changed()
      },
      becameIdle: () => {
        if (this.#begun) this.#idle.schedule()
        changed()
      },
      sessionOpened: (connection) => {
        this.begin()
        sayGoodbyeAfterFirstRequest(connection)
      },
      upgraded: (connection) => this.#goodbyes.consider(connection),
      streaming: (connection) => this.#goodbyes.consider(connection),
      closed: changed,
    }
  }

  /** For when there is a connection that cannot be carried over. */
  begin(): void {
    if (this.#begun) return
    this.#begun = true
    this.#goodbyes.begin()
    this.#lastRequests.begin(this.#keeps)
    for (const connection of this.#connections.open) {
      connection.idleSince = performance.now()
      if (connection.session !== null) sayGoodbyeAfterFirstRequest(connection)
    }
    this.#idle.schedule()
  }

  /** Ends nothing more. Clients that got `Connection: close` or GOAWAY still leave. */
  stop(): void {
    this.#connections.observer = null
    if (this.#begun) this.#lastRequests.begin(() => true)
    this.#idle.stop()
    this.#goodbyes.stop()
  }

  #requested(connection: Connection, exchange: Exchange): void {
    if (!this.#keeps(connection)) this.begin()
    if (this.#begun) this.#lastRequests.prepare(connection, exchange)
  }
}
