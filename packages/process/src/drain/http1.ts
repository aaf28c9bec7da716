import type net from 'node:net'
import { endedOrderly, startClosing, type Connection } from '../connections/connection.js'
import { idleConnections, speaksHttp1 } from '../connections/http1.js'
import { lingeringClose } from './closing.js'
import { IdleTimer } from './idle-timer.js'
import type { DrainContext, Protocol, ProtocolDrain } from './protocol.js'

/** The next response says `Connection: close`. A connection that stays idle is closed after `idleMs`. */
export const http1: Protocol = {
  owns: (connection) =>
    connection.session === null && (connection.exchanges.length > 0 || isParsing(connection)),
  name: 'half-sent request',
  cut: ({ stream }) => void stream.destroy(),
  drain: (context) => new Http1Drain(context),
}

class Http1Drain implements ProtocolDrain {
  readonly #context: DrainContext
  readonly #idle: IdleTimer
  #end: () => void = () => {}

  constructor(context: DrainContext) {
    this.#context = context
    this.#idle = new IdleTimer(
      context,
      ({ session, server }) => session === null && speaksHttp1(server),
      (due) => close(idleConnections(context.connections, due)),
    )
  }

  begin(): void {
    this.#end = this.#context.lastRequests.begin(this.#context)
    this.#idle.begin()
  }

  becameIdle(): void {
    this.#idle.schedule()
  }

  reconsider(): void {
    this.#idle.schedule()
  }

  lastCall(): void {
    this.#context.lastRequests.lastCall()
  }

  closeIdle(): void {
    const { connections } = this.#context
    const here = [...connections.open].filter(({ phase }) => phase !== 'away')
    close(idleConnections(connections, here))
  }

  stop(): void {
    this.#end()
    this.#idle.stop()
  }
}

function close(idle: readonly Connection[]): void {
  for (const connection of idle) {
    endedOrderly(connection)
    startClosing(connection)
    lingeringClose(connection.stream)
  }
}

/** Node removes the parser from a connection that is upgraded. */
function isParsing({ server, stream }: Connection): boolean {
  return speaksHttp1(server) && Boolean((stream as net.Socket & { parser?: object | null }).parser)
}
