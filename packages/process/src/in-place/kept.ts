import fs from 'node:fs'
import type net from 'node:net'
import type { Connections } from '../connections/connections.js'
import type { Environment } from '../protocol/environment.js'
import { limitRequests } from '../connections/request-limit.js'
import { receive } from '../move/kinds.js'
import type { Endpoints } from '../connections/websocket/endpoints.js'
import { confineAll, readRecord, writeRecord, type ImageRecord } from './record.js'

/** What an earlier program of this process kept for us, until each part of it has found its server. */
export class Kept {
  /** How many programs this process has been before. */
  readonly generation: number
  readonly listeners: ImageRecord['listeners'] | null
  readonly #environment: Environment
  readonly #file: number
  #record: ImageRecord | null
  #stopLimiting: (() => void) | null = null

  /** @throws InheritedListenersError when HANDOVER_EXEC is not what a program of this library left */
  constructor(environment: Environment) {
    this.#environment = environment
    this.#file = Number(environment.HANDOVER_EXEC)
    this.#record = readRecord(environment)
    this.generation = this.#record === null ? 0 : this.#record.generation
    this.listeners = this.#record?.listeners ?? null
    if (this.#record !== null) confineAll(this.#record, this.#file)
  }

  /** Goes on with the connections of that listener on `server`. */
  serve(connections: Connections, endpoints: Endpoints, server: net.Server, listener: string): void {
    if (this.#record === null) return
    const ours = this.#record.connections.filter((connection) => connection.listener === listener)
    if (ours.length === 0) return
    const rest = this.#record.connections.filter((connection) => connection.listener !== listener)
    // Another copy of this library may take over from us (contract.ts), and must not take them again.
    this.#record = { ...this.#record, connections: rest }
    writeRecord(this.#file, this.#record)
    this.#stopLimiting ??= limitRequests(connections)
    for (const { fd, ...about } of ours) receive({ connections, endpoints }, server, about, fd)
  }

  /** The service is ready: connections that no server wanted are closed. Gives how many these were. */
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
