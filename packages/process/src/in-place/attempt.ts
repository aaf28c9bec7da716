import fs from 'node:fs'
import type net from 'node:net'
import { markCut, type Connection, type Exchange } from '../connections/connection.js'
import type { Connections } from '../connections/connections.js'
import { describe } from '../drain/protocols.js'
import type { LastRequests } from '../drain/last-requests.js'
import { HandoverError, messageOf } from '../protocol/errors.js'
import { eventStreamOf } from '../connections/event-stream/watch.js'
import { isMovable } from '../move/kinds.js'
import { nextTurn } from '../system/waiting.js'
import { physicalFolder } from '../system/command-line.js'
import type { ExecCalls } from '../system/exec-calls.js'
import { Farewell } from './farewell.js'
import { Freeze } from './freeze.js'
import type { Image } from './image.js'
import { writeRecord } from './record.js'

/** The state of the service that an exec needs. */
export interface ExecSteps {
  /** False if the application keeps state with its connections: then none can be carried over. */
  readonly carriesConnections: boolean
  /** How many programs this process has run before. */
  readonly generation: number
  /** All listening sockets, inherited or bound by this process. */
  listeners(): { name: string; fd: number }[]
  nameOf(server: net.Server): string
  /**
   * Awaited when everything is at rest. `carried`: how many connections the next program gets; `waiting`: how many
   * of them were accepted but not given to a server yet.
   */
  beforeExec(carried: number, waiting: number): Promise<void>
}

export interface ExecLimits {
  /** Milliseconds until the attempt is given up. */
  timeoutMs: number
  /** See `ExecSettings.idleMs`. */
  idleMs: number
  /** Whether connections that are not at rest are cut after that time. */
  cut: boolean
}

/** One pass through the diagram of `InPlaceExec`. */
export class Attempt {
  readonly #connections: Connections
  readonly #steps: ExecSteps
  readonly #limits: ExecLimits
  readonly #deadline: number
  readonly #freeze: Freeze
  readonly #farewell: Farewell
  #abandoned: HandoverError | null = null
  #wake: () => void = () => {}

  constructor(connections: Connections, lastRequests: LastRequests, steps: ExecSteps, limits: ExecLimits) {
    this.#connections = connections
    this.#steps = steps
    this.#limits = limits
    this.#deadline = performance.now() + limits.timeoutMs
    const spared = (connection: Connection) => this.#keeps(connection)
    this.#freeze = new Freeze(connections, spared)
    const idleMs = Math.min(limits.idleMs, limits.timeoutMs / 2)
    const deadline = this.#deadline
    const context = { connections, lastRequests, spared, reportCut: () => {}, deadline, idleMs }
    this.#farewell = new Farewell(context, () => this.#wake())
  }

  /** Resolves with the error of execve(2). Rejects with the reason if execve(2) is not called. */
  async run(calls: ExecCalls, image: Image): Promise<HandoverError> {
    const connections = this.#connections
    const ending = new Set([...connections.open].filter((connection) => !this.#keeps(connection)))
    if (ending.size > 0) this.#farewell.begin()
    const begun = new Set([...connections.open].flatMap(({ exchanges }) => exchanges))
    for (let patienceMs = firstHoldMs; ; patienceMs *= 4) {
      const left = await this.#until(this.#deadline, () => this.#lasting(ending, begun))
      if (left.length > 0 && !this.#limits.cut) throw this.#tooLate(left)
      const busy = await this.#comeToRest(patienceMs)
      if (busy.length === 0) return this.#replace(calls, image)
      if (performance.now() >= this.#deadline) throw this.#tooLate(busy)
      this.#freeze.thaw()
      // All clients have waited for the slow requests. Now all are served for the same time.
      const end = Math.min(performance.now() + patienceMs, this.#deadline)
      await this.#until(end, () => (performance.now() < end ? busy : []))
    }
  }

  /** Undoes everything at once, so that the following drain finds the normal state. */
  abandon(reason: HandoverError): void {
    this.#abandoned = reason
    this.giveUp()
    this.#wake()
  }

  /** Serves everything again. Calling it again has no effect. */
  giveUp(): void {
    this.#farewell.stop()
    this.#freeze.thaw()
  }

  /** Freezes, and resolves with what was not frozen within `holdMs`. At the deadline, cuts the rest if requested. */
  async #comeToRest(holdMs: number): Promise<readonly Connection[]> {
    this.#freeze.begin()
    const busy = await this.#until(performance.now() + holdMs, () => this.#freeze.sweep(() => this.#wake()))
    if (busy.length === 0) {
      await this.#steps.beforeExec(this.#freeze.kept, this.#freeze.waiting)
      return this.#until(performance.now() + holdMs, () => this.#freeze.sweep(() => this.#wake()))
    }
    if (!this.#limits.cut || performance.now() < this.#deadline) return busy
    for (const connection of busy) {
      const names = describe(connection).join(', ')
      process.emitWarning(`exec() cut at its deadline: ${names}`, 'HandoverWarning')
      markCut(connection)
      connection.stream.destroy()
    }
    return this.#until(performance.now() + holdMs, () => this.#freeze.sweep(() => this.#wake()))
  }

  /** Waits, while everything is served, for what cannot be frozen. */
  #lasting(ending: Set<Connection>, begun: Set<Exchange>): Connection[] {
    const since = performance.now() - quickMs
    return [...this.#connections.open].filter((connection) =>
      this.#keeps(connection)
        ? connection.exchanges.some((one) => begun.has(one) && one.startedAt < since)
        : ending.has(connection),
    )
  }

  #keeps(connection: Connection): boolean {
    if (!this.#steps.carriesConnections || !isMovable(connection, true)) return false
    return connection.exchanges.every(({ response }) => eventStreamOf(response) === undefined)
  }

  /** Checks after each poll that may have changed something, until `find` returns nothing or the time is over. */
  async #until(deadline: number, find: () => readonly Connection[]): Promise<readonly Connection[]> {
    for (;;) {
      await nextTurn()
      if (this.#abandoned !== null) throw this.#abandoned
      const found = find()
      if (found.length === 0 || performance.now() >= deadline) return found
      // No event reports that the rest of a request has arrived, or that the last byte is written.
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, lookMs)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }

  /** Must run in the turn in which everything was found at rest. */
  #replace(calls: ExecCalls, { argv, cwd, env, file }: Image): HandoverError {
    const generation = this.#steps.generation + 1
    const connections = this.#freeze.records((server) => this.#steps.nameOf(server))
    const listeners = this.#steps.listeners()
    const lasting = [...listeners, ...connections].map(({ fd }) => fd)
    const folder = physicalFolder()
    const memory = calls.createMemoryFile()
    let failure: string
    try {
      writeRecord(memory, { version: 1, generation, listeners, connections })
      for (const fd of [0, 1, 2, memory, ...lasting]) calls.clearCloseOnExec(fd)
      process.chdir(cwd)
      const variables = { ...env, ...listenVariables(listeners), HANDOVER_EXEC: String(memory) }
      failure = calls.execve(file, argv, variables)
    } catch (error) {
      failure = messageOf(error)
    }
    for (const fd of lasting) calls.setCloseOnExec(fd)
    fs.closeSync(memory)
    if (folder !== null) process.chdir(folder)
    return new HandoverError('ERR_HANDOVER_EXEC', `"${file}" could not be executed: ${failure}`)
  }

  #tooLate(busy: readonly Connection[]): HandoverError {
    const names = busy.flatMap(describe).join(', ')
    return new HandoverError(
      'ERR_HANDOVER_EXEC_DEADLINE',
      `exec() was given up after ${this.#limits.timeoutMs / 1000} s: ${names}`,
    )
  }
}

/** sd_listen_fds(3), for a program that does not read HANDOVER_EXEC, if the descriptors are 3 and up without a gap. */
function listenVariables(listeners: { name: string; fd: number }[]): Record<string, string> {
  const LISTEN_PID = String(process.pid)
  const inPlace = listeners.length > 0 && listeners.every(({ fd }, index) => fd === 3 + index)
  if (!inPlace) return { LISTEN_PID }
  const LISTEN_FDNAMES = listeners.map(({ name }) => name).join(':')
  return { LISTEN_PID, LISTEN_FDS: String(listeners.length), LISTEN_FDNAMES }
}

/** Milliseconds. A request that takes longer is waited for before the freeze. A quicker one ends during it. */
const quickMs = 100
/** Clients wait this long for requests in flight, then are served for as long; four times as long each time. */
const firstHoldMs = 250
const lookMs = 10
