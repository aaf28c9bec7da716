import type net from 'node:net'
import { decideMove, type MoveChoice, type MoveDecision, type MoveRule } from '../connections/connection.js'
import { Connections } from '../connections/connections.js'
import { keepAccepting } from '../drain/delay.js'
import { ClosingServers } from '../drain/closing-servers.js'
import { finishConnections, type DrainLimits } from '../drain/drain.js'
import { LastRequests } from '../drain/last-requests.js'
import { DatagramSockets } from '../listeners/datagram-sockets.js'
import { Mover } from '../move/mover.js'
import { addAccounts, type ConnectionAccount, type Participant } from '../protocol/account.js'
import { Subscribers } from '../system/subscribers.js'

/** Everything that this process serves: connections, UDP sockets, workers of node:cluster. */
export class Traffic {
  readonly connections: Connections
  readonly lastRequests: LastRequests
  readonly mover: Mover
  readonly datagrams: DatagramSockets
  readonly closing: ClosingServers
  readonly #idleMs: number
  readonly #byDefault: MoveDecision
  readonly #rule: MoveRule
  readonly #participants: Participant[] = []
  readonly #subscribers = new Subscribers()

  /**
   * `listenerOf`: the name by which a successor knows a server's listener. `idleMs`: how long a drain leaves an idle
   * connection open, and waits for the answer to a datagram. `remainingMs`: until the drain's deadline. `movesAll`:
   * whether connections move with what the application has attached to them.
   */
  constructor(
    listenerOf: (server: net.Server) => string | undefined,
    idleMs: number,
    remainingMs: () => number,
    movesAll: boolean,
  ) {
    this.#byDefault = movesAll ? 'moves' : null
    this.#rule = { decide: () => this.#byDefault }
    this.connections = new Connections(this.#rule)
    this.closing = new ClosingServers(() =>
      [...this.connections.open].some(({ socket }) => !socket.destroyed),
    )
    this.lastRequests = new LastRequests(this.connections)
    this.mover = new Mover(this.connections, listenerOf)
    this.datagrams = new DatagramSockets(idleMs, remainingMs)
    this.#idleMs = idleMs
    this.connections.subscribe({ changed: () => this.#subscribers.notify() })
    this.join(this.datagrams)
  }

  get account(): ConnectionAccount {
    return addAccounts([
      this.connections.account,
      ...this.#participants.map((participant) => participant.account),
    ])
  }

  /** Calls `changed` when the account has changed. Returns a function that ends the subscription. */
  subscribe(changed: () => void): () => void {
    return this.#subscribers.subscribe(changed)
  }

  join(participant: Participant): void {
    this.#participants.push(participant)
    participant.subscribe(() => this.#subscribers.notify())
  }

  /** See `Service.pin()` and `Service.move()`. */
  decideMove(socket: net.Socket, decision: MoveDecision): void {
    const connection = this.connections.of(socket)
    if (connection !== undefined) decideMove(connection, decision)
    this.mover.schedule()
  }

  /** See `Service.move()`. A connection stays if `moves` throws; `failed` gets each error. */
  moveWhere(moves: MoveChoice, failed: (error: unknown) => void): void {
    this.#rule.decide = (socket) => {
      try {
        const decided = moves(socket)
        return decided === undefined ? this.#byDefault : decided ? 'moves' : 'stays'
      } catch (error) {
        failed(error)
        return 'stays'
      }
    }
    this.mover.schedule()
  }

  /** Whether other processes serve a part of it. */
  get hasWorkers(): boolean {
    return this.#participants.some((participant) => participant !== this.datagrams)
  }

  /** Resolves after `delayMs`. Meanwhile connections are accepted, and the older ones end one by one. */
  keepAccepting(delayMs: number): Promise<void> {
    return keepAccepting(this.connections, this.lastRequests, delayMs)
  }

  /** Finishes everything that is open. Resolves with what was cut at the deadline. */
  async finish(bounds: Omit<DrainLimits, 'idleMs'>): Promise<string[]> {
    const limits = { ...bounds, idleMs: this.#idleMs }
    const cut = await Promise.all([
      finishConnections(this.connections, this.mover, limits, this.lastRequests),
      ...this.#participants.map((participant) => participant.finished()),
    ])
    return cut.flat()
  }

  /** Resolves when accepting has stopped, and all connections sent to a successor were received or have come back. */
  async settled(): Promise<void> {
    await Promise.all(this.#participants.map((participant) => participant.stopAccepting()))
    await this.mover.settled()
  }
}
