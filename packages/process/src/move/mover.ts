import type net from 'node:net'
import type { Connection, Connections } from '../connections/connections.js'
import { descriptorCalls, maxDescriptors, type DescriptorCalls } from '../system/descriptors.js'
import { descriptorOf } from '../node/handle.js'
import { idleConnections } from '../connections/idle.js'
import { loadKoffi } from '../system/koffi.js'
import { Successor, type Parcel } from './successor.js'
import { comeBack, isMovable, setOut } from './transit.js'
import { allWithin } from '../system/waiting.js'

/**
 * Moves idle HTTP/1 connections to the instances that come after this one, so that no client is told to go.
 *
 * A connection is sent while it is idle, and from then on nothing is read from it here. It stays ours until its
 * successor has acknowledged it: what comes back, because the successor died or has no room, is served again.
 *
 * It begins slowly, as TCP does: with one, and twice as many every few milliseconds. A successor has just been
 * started, its code is not compiled yet, and whoever asks first waits for that; the others are served here meanwhile.
 */
export class Mover {
  readonly #connections: Connections
  readonly #listenerOf: (server: net.Server) => string | undefined
  #calls: DescriptorCalls | null = null
  /** Those that may be given connections. */
  #successors: Successor[] = []
  /** Those as well that are only waited for: they have not acknowledged everything yet. */
  readonly #links = new Set<Successor>()
  readonly #inTransit = new Set<Connection>()
  readonly #refusals = new WeakMap<Connection, Set<Successor>>()
  #moving = false
  #scheduled = false
  #retry: NodeJS.Timeout | null = null
  /** How many may set out now, and the time until more may. */
  #allowance = 1
  #pace: NodeJS.Timeout | null = null
  #settled: () => void = () => {}
  /** Called when there may be connections that nobody takes any more. */
  returned: () => void = () => {}

  constructor(connections: Connections, listenerOf: (server: net.Server) => string | undefined) {
    this.#connections = connections
    this.#listenerOf = listenerOf
  }

  /** Paths of the adoption sockets of those that take our connections from now on. */
  follow(paths: string[]): void {
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
    this.returned()
  }

  /** Resolves when it is known which successors can be reached; soon in any case. */
  async reached(): Promise<void> {
    const links = [...this.#links]
    if (links.length > 0)
      await allWithin(
        reachMs,
        links.map(
          ({ reached }) =>
            () =>
              reached,
        ),
        () => {},
      )
  }

  /** From here on everything that is idle, or becomes idle, moves. To be called right after a poll. */
  begin(): void {
    this.#moving = true
    this.#sweep()
  }

  /** Resolves when everything that was sent is acknowledged, or has come back; soon in any case. */
  async settled(): Promise<void> {
    if (this.#inTransit.size === 0) return
    const settled = new Promise<void>((resolve) => (this.#settled = resolve))
    await allWithin(settleMs, [() => settled], () => {})
  }

  /** Whether the connection will move, or is on its way: then it need not be closed. */
  takes(connection: Connection): boolean {
    if (this.#inTransit.has(connection)) return true
    if (!this.#moving || !isMovable(connection) || this.#listenerOf(connection.server) === undefined)
      return false
    return this.#successors.some((successor) => !successor.broken && this.#mayTake(successor, connection))
  }

  #mayTake(successor: Successor, connection: Connection): boolean {
    const name = connection.upgraded?.session?.endpoint.name
    if (name !== undefined && !successor.webSockets.includes(name)) return false
    return this.#refusals.get(connection)?.has(successor) !== true
  }

  /** Looks once more, after the next poll. */
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
      connection.upgraded?.session?.gone()
      this.#connections.release(connection)
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
    this.returned()
    this.#settle()
  }

  #sweep(): void {
    if (!this.#moving || this.#pace !== null) return
    const candidates = [...this.#connections.open].filter(
      (connection) =>
        connection.exchanges.length === 0 && !this.#inTransit.has(connection) && this.takes(connection),
    )
    if (candidates.length === 0) return
    const idle = [
      ...idleConnections(this.#connections, candidates),
      ...candidates.filter(({ upgraded }) => upgraded?.session?.prepare(() => this.#decided())),
    ]
    this.#send(new Set(idle.slice(0, this.#allowance)))
    if (idle.length > 0 && this.#allowance < maxDescriptors) this.#goFaster()
    // The others have half a request here, or something left to write; nothing tells when that is over.
    if (idle.length < candidates.length) this.#lookAgain()
  }

  /** The application has exported a WebSocket, or keeps it. */
  #decided(): void {
    this.schedule()
    this.returned()
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
   * Fills up those successors that have the fewest. What does not go now goes when one of them has room again.
   *
   * An even share for each would pile them up: with two replicas the first successor is there when the second
   * is not yet, gets everything of the first old instance, and then half of the second one's.
   */
  #send(waiting: Set<Connection>): void {
    for (let progress = true; progress && waiting.size > 0;) {
      progress = false
      const free = this.#successors.filter((successor) => successor.free).sort((a, b) => a.open - b.open)
      const level = (waiting.size + sum(free.map(({ open }) => open))) / free.length
      for (const successor of free) {
        const share = Math.max(Math.ceil(level - successor.open), 0)
        const wanted = [...waiting].filter((connection) => this.#mayTake(successor, connection))
        const sent = successor.send(
          wanted.slice(0, Math.min(share, maxDescriptors)).map((connection) => this.#parcel(connection)),
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

  #parcel(connection: Connection): Parcel {
    const { aside, requests, server, socket, upgraded } = connection
    const session = upgraded?.session ?? undefined
    return {
      connection,
      fd: descriptorOf(socket),
      about: {
        listener: this.#listenerOf(server) ?? '',
        fresh: socket.bytesRead === 0 && !aside,
        requests,
        ...(session === undefined ? {} : { webSocket: session.parcel() }),
      },
    }
  }

  #settle(): void {
    if (this.#inTransit.size === 0) this.#settled()
  }
}

const sum = (numbers: number[]): number => numbers.reduce((total, number) => total + number, 0)

/** Milliseconds; a successor on the same machine answers within a few. */
const reachMs = 250
const settleMs = 250
const lookMs = 20
const paceMs = 4

function loadCalls(): DescriptorCalls | null {
  const koffi = loadKoffi()
  return koffi && descriptorCalls(koffi)
}
