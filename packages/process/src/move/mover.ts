import type net from 'node:net'
import type { Connection } from '../connections/connection.js'
import type { Connections } from '../connections/connections.js'
import { descriptorCalls, maxDescriptors, type DescriptorCalls } from '../system/descriptors.js'
import { descriptorOf } from '../node/handle.js'
import { loadKoffi } from '../system/koffi.js'
import { Subscribers } from '../system/subscribers.js'
import type { Greeting } from '../protocol/moves.js'
import { allWithin } from '../system/waiting.js'
import { atRest, comeBack, depart, isMovable, isWelcome, recordOf, setOut } from './kinds.js'
import { Successor, type OutgoingConnection } from './successor.js'

/**
 * Moves connections that are at rest to the successors of this instance, so that no client has to reconnect:
 *
 *     open ──► at rest ──► sent ──► acknowledged       the successor has it
 *               ▲           │
 *               └───────────┘                          refused, or the successor died: it is served here again
 *
 * From the moment that it is sent, this process does not read from it.
 *
 * The number sent at a time starts at one and doubles every few milliseconds, as in TCP's slow start. A successor has
 * just been started and its code is not compiled yet, so its first requests are slow. The other connections are served
 * here meanwhile.
 */
export class Mover {
  readonly #connections: Connections
  readonly #listenerOf: (server: net.Server) => string | undefined
  #calls: DescriptorCalls | null = null
  /** The successors that may get connections. */
  #successors: Successor[] = []
  /** The successors, and earlier ones that have not acknowledged everything yet. */
  readonly #links = new Set<Successor>()
  readonly #inTransit = new Set<Connection>()
  readonly #refusals = new WeakMap<Connection, Set<Successor>>()
  #moving = false
  #scheduled = false
  #retry: NodeJS.Timeout | null = null
  /** How many connections may set out now, and the timer for the next increase. */
  #allowance = 1
  #pace: NodeJS.Timeout | null = null
  #settled: () => void = () => {}
  readonly #subscribers = new Subscribers()

  constructor(connections: Connections, listenerOf: (server: net.Server) => string | undefined) {
    this.#connections = connections
    this.#listenerOf = listenerOf
  }

  /** `returned` is called when there may be connections that no successor takes. Returns a function that stops this. */
  subscribe(returned: () => void): () => void {
    return this.#subscribers.subscribe(returned)
  }

  /** Sets the successors: `paths` are their sockets. */
  setSuccessors(paths: string[]): void {
    if (paths.length > 0) this.#calls ??= loadCalls()
    const calls = this.#calls
    if (calls === null) return
    const kept = this.#successors.filter(({ path, broken }) => paths.includes(path) && !broken)
    const added = paths
      .filter((path) => kept.every((successor) => successor.path !== path))
      .map((path) => new Successor(path, calls, this))
    this.#successors = [...kept, ...added]
    for (const successor of added) {
      this.#links.add(successor)
      void successor.reached.then(() => this.schedule())
    }
    this.#subscribers.notify()
  }

  /** Resolves when it is known which successors can be reached, at most 250 ms later. */
  async reached(): Promise<void> {
    const links = [...this.#links]
    if (links.length === 0) return
    const reached = Promise.all(links.map((link) => link.reached))
    await allWithin(reachMs, [() => reached], () => {})
  }

  /** From here on, every connection moves once it is at rest. Call it right after a poll. */
  begin(): void {
    this.#moving = true
    this.#sweep()
  }

  /** Resolves when everything that was sent is acknowledged or has come back, at most 250 ms later. */
  async settled(): Promise<void> {
    if (this.#inTransit.size === 0) return
    const settled = new Promise<void>((resolve) => (this.#settled = resolve))
    await allWithin(settleMs, [() => settled], () => {})
  }

  /** Whether the connection will move, or is on its way. Then it need not be closed. */
  takes(connection: Connection): boolean {
    if (this.#inTransit.has(connection)) return true
    if (!this.#moving || !isMovable(connection) || this.#listenerOf(connection.server) === undefined)
      return false
    return this.#successors.some((successor) => !successor.broken && this.#mayTake(successor, connection))
  }

  #mayTake(successor: Successor, connection: Connection): boolean {
    if (this.#refusals.get(connection)?.has(successor) === true) return false
    return isWelcome(connection, successor.greeting ?? noGreeting)
  }

  /** Checks again after the next poll. */
  schedule(): void {
    if (!this.#moving || this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#sweep()
    })
  }

  close(): void {
    this.#moving = false
    if (this.#retry !== null) clearTimeout(this.#retry)
    if (this.#pace !== null) clearTimeout(this.#pace)
    for (const link of this.#links) link.close()
  }

  /** SuccessorObserver. */
  taken(connections: Connection[]): void {
    for (const connection of connections) {
      this.#inTransit.delete(connection)
      depart(this.#connections, connection)
    }
    this.#settle()
  }

  /** SuccessorObserver. */
  refused(connections: Connection[], successor: Successor): void {
    if (successor.broken) this.#links.delete(successor)
    for (const connection of connections) {
      this.#inTransit.delete(connection)
      const refusals = this.#refusals.get(connection) ?? new Set()
      this.#refusals.set(connection, refusals.add(successor))
      comeBack(connection)
    }
    this.schedule()
    this.#subscribers.notify()
    this.#settle()
  }

  #sweep(): void {
    if (!this.#moving || this.#pace !== null) return
    const candidates = [...this.#connections.open].filter(
      (connection) =>
        connection.exchanges.length === 0 && !this.#inTransit.has(connection) && this.takes(connection),
    )
    if (candidates.length === 0) return
    const idle = [...atRest(this.#connections, candidates, () => this.#decided())]
    const leaving = idle.slice(0, this.#allowance)
    const free = leaving.filter((connection) => isMovable(connection, true))
    if (free.length < leaving.length) this.#decided()
    this.#send(new Set(free))
    if (idle.length > 0 && this.#allowance < maxDescriptors) this.#goFaster()
    // The others have a partial request or unwritten data. No event reports when that ends.
    if (idle.length < candidates.length) this.#lookAgain()
  }

  /** The application has decided about a connection: it can leave now, or it stays. */
  #decided(): void {
    this.schedule()
    this.#subscribers.notify()
  }

  #goFaster(): void {
    this.#allowance *= 2
    if (this.#allowance >= maxDescriptors) this.#allowance = Infinity
    this.#pace = setTimeout(() => {
      this.#pace = null
      this.schedule()
    }, paceMs)
  }

  #lookAgain(): void {
    this.#retry ??= setTimeout(() => {
      this.#retry = null
      this.schedule()
    }, lookMs)
  }

  /**
   * Sends to the successors with the fewest connections. The rest is sent when one of them has room again.
   *
   * An even share for each would be uneven in the end: with two replicas the first successor is ready before the
   * second, gets all connections of the first old instance, and then half of those of the second old instance.
   */
  #send(waiting: Set<Connection>): void {
    for (let progress = true; progress && waiting.size > 0;) {
      progress = false
      const free = this.#successors.filter((successor) => successor.free).sort((a, b) => a.open - b.open)
      const level = (waiting.size + sum(free.map(({ open }) => open))) / free.length
      for (const successor of free) {
        const share = Math.max(Math.ceil(level - successor.open), 0)
        const suitable = [...waiting].filter((connection) => this.#mayTake(successor, connection))
        const sent = successor.send(
          suitable.slice(0, Math.min(share, maxDescriptors)).map((connection) => this.#outgoing(connection)),
        )
        for (const connection of sent) {
          waiting.delete(connection)
          this.#inTransit.add(connection)
          setOut(connection)
        }
        if (sent.length > 0) progress = true
      }
    }
  }

  #outgoing(connection: Connection): OutgoingConnection {
    const record = recordOf(connection, this.#listenerOf(connection.server) ?? '')
    return { connection, fd: descriptorOf(connection.socket), record }
  }

  #settle(): void {
    if (this.#inTransit.size === 0) this.#settled()
  }
}

const sum = (numbers: number[]): number => numbers.reduce((total, number) => total + number, 0)

/** Assumed for a successor that has not answered yet: it can receive what every version can. */
const noGreeting: Greeting = { version: 1, open: 0 }

/** Milliseconds. A successor on the same machine answers within a few. */
const reachMs = 250
const settleMs = 250
const lookMs = 20
const paceMs = 4

function loadCalls(): DescriptorCalls | null {
  const koffi = loadKoffi()
  return koffi && descriptorCalls(koffi)
}
