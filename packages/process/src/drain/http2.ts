import type { Connection } from '../connections/connection.js'
import { sayGoodbye, sayGoodbyeAfterFirstRequest } from './http2-goodbye.js'
import { IdleTimer } from './idle-timer.js'
import type { DrainContext, Protocol, ProtocolDrain } from './protocol.js'

/** Sends a GOAWAY that loses no stream: at once, or after the first request of a client that has just connected. */
export const http2: Protocol = {
  owns: ({ session }) => session !== null,
  name: 'http2 connection',
  cut: ({ session }) => session?.destroy(),
  drain: (context) => new Http2Drain(context),
}

class Http2Drain implements ProtocolDrain {
  readonly #context: DrainContext
  readonly #idle: IdleTimer

  constructor(context: DrainContext) {
    this.#context = context
    this.#idle = new IdleTimer(context, http2.owns, (due) => due.forEach(sayGoodbye))
  }

  begin(): void {
    for (const connection of this.#context.connections.open)
      if (http2.owns(connection)) sayGoodbyeAfterFirstRequest(connection)
    this.#idle.begin()
  }

  sessionOpened(connection: Connection): void {
    sayGoodbyeAfterFirstRequest(connection)
    this.#idle.schedule()
  }

  becameIdle(): void {
    this.#idle.schedule()
  }

  stop(): void {
    this.#idle.stop()
  }
}
