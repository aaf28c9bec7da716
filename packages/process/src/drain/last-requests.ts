import type { ServerResponse } from 'node:http'
import type net from 'node:net'
import { endedOrderly, startClosing, type Connection, type Exchange } from '../connections/connection.js'
import type { Connections } from '../connections/connections.js'
import { betweenMessages, speaksHttp1 } from '../connections/http1.js'
import { lingeringClose } from './closing.js'
import { withConnectionClose } from './http1-headers.js'

export interface LastRequestOptions {
  /** Connections that need not end, because another process continues them. */
  spared(connection: Connection): boolean
  /** A request has arrived. */
  requested?(connection: Connection): void
}

/**
 * Ends keep-alive connections after one more request: the connection stays open, its next response carries
 * `Connection: close`, and it ends after that response. Closing it while it is idle would race with a request that
 * the client is just sending.
 *
 * With pipelining, it matters which response that is. Node ends the connection after the response that has `close`, and
 * would never answer a request received after it. So only the response to the newest request has `close`, and only if
 * no part of a further request has arrived when its header is written. To know that, each request is passed to the
 * application only after the event loop has polled once more.
 */
export class LastRequests {
  readonly #connections: Connections
  #spared: (connection: Connection) => boolean = () => true
  #end: () => void = () => {}
  readonly #held = new WeakSet<net.Server>()
  readonly #prepared = new WeakSet<ServerResponse>()
  /** What was found when a connection was last checked, and how many bytes had arrived by then. */
  readonly #looks = new WeakMap<Connection, { bytes: number; betweenMessages: boolean }>()
  #arrived: { connection: Connection; dispatch: () => void }[] | null = null

  constructor(connections: Connections) {
    this.#connections = connections
  }

  /** Replaces an earlier call. Returns a function that ends this one, which has no effect after a later call. */
  begin({ spared, requested }: LastRequestOptions): () => void {
    this.#end()
    this.#spared = spared
    const unsubscribe = this.#connections.subscribe({
      requested: (connection, exchange) => {
        requested?.(connection)
        if (speaksHttp1(connection.server)) this.#hold(connection.server)
        this.#prepare(connection, exchange)
      },
    })
    const end = (this.#end = () => {
      unsubscribe()
      if (this.#end !== end) return
      this.#end = () => {}
      this.#spared = () => true
    })
    for (const server of this.#connections.servers) if (speaksHttp1(server)) this.#hold(server)
    const answering = [...this.#connections.open].filter(({ exchanges }) => exchanges.length > 0)
    this.#look(answering)
    for (const connection of answering) {
      for (const exchange of connection.exchanges) this.#prepare(connection, exchange)
    }
    return end
  }

  /** Lets the response say `close`, if it is the last one when its header is written. */
  #prepare(connection: Connection, { response }: Exchange): void {
    if (response === undefined || response.headersSent || this.#prepared.has(response)) return
    this.#prepared.add(response)
    const writeHead = Reflect.get(response, 'writeHead') as (...args: unknown[]) => ServerResponse
    response.writeHead = (...args: unknown[]) => {
      const final = !response.headersSent && Number(args[0]) >= 200
      if (!final || !this.#isLast(connection, response)) return writeHead.apply(response, args)
      startClosing(connection)
      lingerAfter(connection)
      return writeHead.apply(response, withConnectionClose(response, args))
    }
  }

  /**
   * From here on, a request is not answered if it arrives while an earlier one of its connection is unanswered.
   * Otherwise the connection of a client that always pipelines one more request would never end.
   */
  lastCall(): void {
    for (const connection of this.#connections.open) {
      if (connection.exchanges.some(({ response }) => response?.headersSent === false))
        startClosing(connection)
    }
  }

  #hold(server: net.Server): void {
    if (this.#held.has(server)) return
    this.#held.add(server)
    const emit = Reflect.get(server, 'emit') as (...args: unknown[]) => boolean
    server.emit = (...args: unknown[]) => {
      const [event, request, response] = args as [unknown, { socket?: net.Socket } | undefined, unknown]
      if (!requestEvents.has(event)) return emit.apply(server, args)
      const connection = this.#connections.of(request?.socket ?? null)
      if (connection === undefined || connection.session !== null) return emit.apply(server, args)
      const taken = connection.exchanges.some((exchange) => exchange.response === response)
      if (taken && this.#spared(connection)) return emit.apply(server, args)
      if (taken) this.#afterFreshLook(connection, () => emit.apply(server, args))
      return true
    }
  }

  /**
   * At the first immediate, the rest of this chunk has been parsed. Between the first and the second one, the event
   * loop polls, and reads what has reached the kernel meanwhile.
   */
  #afterFreshLook(connection: Connection, dispatch: () => void): void {
    if (this.#arrived === null) {
      const batch: { connection: Connection; dispatch: () => void }[] = (this.#arrived = [])
      setImmediate(() => {
        this.#arrived = null
        setImmediate(() => {
          this.#look(batch.map((entry) => entry.connection))
          // A 'request' handler may throw. The other requests are dispatched nevertheless.
          for (const entry of batch)
            process.nextTick(() => entry.connection.stream.destroyed || entry.dispatch())
        })
      })
    }
    this.#arrived.push({ connection, dispatch })
  }

  #look(connections: Connection[]): void {
    const quiet = betweenMessages(
      this.#connections,
      connections.map(({ stream }) => stream),
    )
    for (const connection of connections) {
      const { stream } = connection
      this.#looks.set(connection, { bytes: stream.bytesRead, betweenMessages: quiet.has(stream) })
    }
  }

  #isLast(connection: Connection, response: ServerResponse): boolean {
    if (this.#spared(connection)) return false
    const newest = connection.exchanges.at(-1)
    if (newest?.response !== response) return false
    if (connection.phase === 'closing') return true
    // A response before the end of the upload: the rest of the body is still to come.
    if (newest.request?.complete !== true) return false
    // Node stopped reading, because the client does not read its responses: it is unknown what waits in the kernel.
    if ((connection.stream as { _paused?: boolean })._paused === true) return false
    if (this.#looks.get(connection)?.bytes !== connection.stream.bytesRead) this.#look([connection])
    return this.#looks.get(connection)?.betweenMessages === true
  }
}

const requestEvents = new Set<unknown>(['request', 'checkContinue', 'checkExpectation'])

/** Node calls `destroySoon` when the response that says `close` is written. */
function lingerAfter(connection: Connection): void {
  const { stream } = connection
  stream.destroySoon = () => {
    endedOrderly(connection)
    lingeringClose(stream)
  }
}
