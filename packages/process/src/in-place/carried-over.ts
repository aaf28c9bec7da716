import fs from 'node:fs'
import type net from 'node:net'
import type { Connections } from '../connections/connections.js'
import { limitRequests } from '../connections/request-limit.js'
import type { Endpoints } from '../connections/websocket/endpoints.js'
import { receive } from '../move/kinds.js'
import type { Environment } from '../protocol/environment.js'
import { confineAll, readRecord, writeRecord, type ExecRecord } from './record.js'

/** The sockets that an earlier program of this process has left for this one, until their servers listen. */
export class CarriedOver {
  /** How many programs this process has run before. */
  readonly generation: number
  /** Null if this is the first program of the process. */
  readonly listeners: ExecRecord['listeners'] | null
  readonly #environment: Environment
  readonly #file: number
  #record: ExecRecord | null
  #stopLimiting: (() => void) | null = null

  /** @throws InheritedListenersError when HANDOVER_EXEC does not name what a program of this library left */
  constructor(environment: Environment) {
    this.#environment = environment
    this.#file = Number(environment.HANDOVER_EXEC)
    this.#record = readRecord(environment)
    this.generation = this.#record === null ? 0 : this.#record.generation
    this.listeners = this.#record?.listeners ?? null
    if (this.#record !== null) confineAll(this.#record, this.#file)
  }

  /** `server` receives the connections of that listener. */
  serve(connections: Connections, endpoints: Endpoints, server: net.Server, listener: string): void {
    if (this.#record === null) return
    const received = this.#record.connections.filter((connection) => connection.listener === listener)
    if (received.length === 0) return
    const rest = this.#record.connections.filter((connection) => connection.listener !== listener)
    // Another copy of this library may replace this one (contract.ts), and must not receive them a second time.
    this.#record = { ...this.#record, connections: rest }
    writeRecord(this.#file, this.#record)
    this.#stopLimiting ??= limitRequests(connections)
    for (const { fd, ...about } of received) receive({ connections, endpoints }, server, about, fd)
  }

  /** Closes the connections that no server has received, and returns their number. Called when the service is ready. */
  finish(): number {
    if (this.#record === null) return 0
    const { connections } = this.#record
    for (const { fd } of connections) fs.closeSync(fd)
    fs.closeSync(this.#file)
    delete this.#environment.HANDOVER_EXEC
    this.#record = null
    return connections.length
  }

  close(): void {
    this.#stopLimiting?.()
  }
}
