import net from 'node:net'
import type { Connection, Connections } from '../connections/connections.js'
import { Goodbyes } from './goodbyes.js'
import { LastRequests, lingeringClose } from './last-requests.js'
import { sayGoodbye, sayGoodbyeAfterFirstRequest } from './http2.js'
import { idleConnections, speaksHttp1 } from '../connections/idle.js'
import type { Mover } from '../move/mover.js'

export interface DrainLimits {
  /** When what is left is cut: milliseconds, performance.now(). */
  deadline: number
  /** For how long an idle keep-alive connection is left open for its last request. Milliseconds. */
  idleMs: number
}

/**
 * Stops accepting on `server`; its connections stay as they are. Not `http.Server.close()`: that closes idle
 * connections, and on Node 26 those that were accepted just now, before they could send their request.
 *
 * The application's own `server.close()` then finds its wish fulfilled instead of ERR_SERVER_NOT_RUNNING.
 */
export function stopAccepting(server: net.Server): void {
  let closed = false
  server.once('close', () => (closed = true))
  net.Server.prototype.close.call(server)
  server.close = (callback) => {
    if (callback !== undefined && closed) process.nextTick(callback)
    else if (callback !== undefined) server.once('close', () => callback())
    return server
  }
}

/**
 * Lets every open connection finish, in the way of its protocol, and ends what is left at the deadline. What
 * a successor takes is moved instead.
 * Resolves, when the last one is gone, with what had to be cut: `GET /slow 12.3 s`, `half-sent request`.
 */
export function finishConnections(
  connections: Connections,
  mover: Mover,
  limits: DrainLimits,
  lastRequests = new LastRequests(connections),
): Promise<string[]> {
  return new Promise((resolve) => {
    const moves = (connection: Connection) => mover.takes(connection)
    const idle = new IdleSweep(connections, limits.idleMs, moves)
    const goodbyes = new Goodbyes(connections, moves, limits.deadline)
    const cut: string[] = []
    const remaining = limits.deadline - performance.now()
    const lastCall = setTimeout(() => {
      lastRequests.lastCall()
      goodbyes.lastCall()
    }, remaining * 0.8)
    const deadline = setTimeout(() => {
      idle.closeAll()
      cut.push(...cutConnections(connections))
    }, remaining)
    const finish = () => {
      if (connections.open.size > 0) return
      clearTimeout(lastCall)
      clearTimeout(deadline)
      idle.stop()
      goodbyes.stop()
      mover.close()
      connections.observer = null
      resolve(cut)
    }
    connections.observer = {
      requested: (connection, exchange) => lastRequests.prepare(connection, exchange),
      becameIdle: () => {
        mover.schedule()
        idle.schedule()
      },
      sessionOpened: sayGoodbyeAfterFirstRequest,
      upgraded: (connection) => goodbyes.consider(connection),
      streaming: (connection) => goodbyes.consider(connection),
      closed: finish,
    }
    mover.returned = () => {
      idle.schedule()
      goodbyes.reconsider()
    }
    connections.beginDrain()
    mover.begin()
    goodbyes.begin()
    lastRequests.begin(moves)
    for (const connection of connections.open) {
      connection.idleSince = performance.now()
      if (connection.session !== null) sayGoodbyeAfterFirstRequest(connection)
    }
    idle.schedule()
    finish()
  })
}

/** Closes what has stayed idle for too long, at the moment that the first one is due. */
export class IdleSweep {
  readonly #connections: Connections
  readonly #idleMs: number
  readonly #spared: (connection: Connection) => boolean
  #timer: NodeJS.Timeout | null = null

  constructor(connections: Connections, idleMs: number, spared: (connection: Connection) => boolean) {
    this.#connections = connections
    this.#idleMs = idleMs
    this.#spared = spared
  }

  /** One timer is enough: whoever becomes idle later is due later. */
  schedule(): void {
    if (this.#timer !== null) return
    let due = Infinity
    for (const connection of this.#connections.open) {
      if (this.#mayIdle(connection)) due = Math.min(due, connection.idleSince + this.#idleMs)
    }
    if (due === Infinity) return
    // The immediate comes after the poll: a request that has reached the kernel by then is seen.
    this.#timer = setTimeout(
      () => setImmediate(() => this.#sweep()),
      Math.max(due - performance.now(), minimumMs),
    )
  }

  closeAll(): void {
    this.#close(idleConnections(this.#connections, this.#connections.open))
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
  }

  #sweep(): void {
    this.#timer = null
    const now = performance.now()
    const due = [...this.#connections.open].filter(
      (connection) => this.#mayIdle(connection) && now - connection.idleSince >= this.#idleMs,
    )
    for (const connection of due) if (connection.session !== null) sayGoodbye(connection)
    const idle = new Set(idleConnections(this.#connections, due))
    this.#close(idle)
    // A half-sent request: it ends by its answer, by its peer, or at the deadline.
    for (const connection of due) if (!idle.has(connection)) connection.idleSince = Infinity
    this.schedule()
  }

  #mayIdle(connection: Connection): boolean {
    return mayIdle(connection) && !this.#spared(connection)
  }

  #close(idle: Iterable<Connection>): void {
    for (const connection of idle) {
      connection.fate ??= 'orderly'
      connection.closing = true
      lingeringClose(connection.stream)
    }
  }
}

/** Timers fire up to a millisecond early (libuv's clock is coarser than performance.now()). */
const minimumMs = 2

/** An HTTP connection that could be closed for being idle: raw and upgraded ones have no such state. */
function mayIdle(connection: Connection): boolean {
  if (connection.exchanges.length > 0 || connection.closing || connection.idleSince === Infinity) return false
  return connection.session !== null || speaksHttp1(connection.server)
}

/** Ends what is left, and names it. */
function cutConnections(connections: Connections): string[] {
  const cut: string[] = []
  for (const connection of connections.open) {
    const gone = connection.closing || connection.fate === 'handedOver'
    if (gone && connection.exchanges.length === 0) {
      connection.stream.destroy()
      continue
    }
    connection.fate = 'deadline'
    cut.push(...describe(connection))
    if (connection.session !== null) connection.session.destroy()
    else if (connection.exchanges.length > 0 || isParsing(connection)) connection.stream.destroy()
    else endThenDestroy(connection.stream)
  }
  return cut
}

export function describe(connection: Connection): string[] {
  if (connection.exchanges.length > 0) {
    const now = performance.now()
    return connection.exchanges.map(
      ({ label, startedAt }) => `${label} ${((now - startedAt) / 1000).toFixed(1)} s`,
    )
  }
  if (connection.session !== null) return ['http2 connection']
  if (isParsing(connection)) return ['half-sent request']
  return [speaksHttp1(connection.server) ? 'upgraded connection' : 'tcp connection']
}

/** Node takes the parser off a connection that is upgraded. */
function isParsing({ server, stream }: Connection): boolean {
  return speaksHttp1(server) && Boolean((stream as net.Socket & { parser?: object | null }).parser)
}

/** A protocol of the application's own: our FIN behind what it has written, and then no more patience. */
function endThenDestroy(stream: net.Socket): void {
  const timer = setTimeout(() => stream.destroy(), lastWriteMs)
  stream.once('close', () => clearTimeout(timer))
  stream.destroySoon()
}

/** The process must be gone within a second of its deadline. */
const lastWriteMs = 250
