import fs from 'node:fs'
import { markCut, type Connection, type Exchange } from '../connections/connection.js'
import { describe } from '../drain/protocols.js'
import { HandoverError, messageOf } from '../protocol/errors.js'
import { eventStreamOf } from '../connections/event-stream/watch.js'
import { isMovable } from '../move/kinds.js'
import { nextTurn } from '../system/waiting.js'
import type { ImageCalls } from '../system/exec-calls.js'
import type { ExecHost } from './exec.js'
import { Farewell } from './farewell.js'
import { Freeze } from './freeze.js'
import type { Image } from './image.js'
import { writeRecord } from './record.js'

/** One attempt. */
export class Attempt {
  readonly #host: ExecHost
  readonly #calls: ImageCalls
  readonly #image: Image
  readonly #cut: boolean
  readonly #deadline: number
  readonly #timeoutMs: number
  readonly #freeze: Freeze
  readonly #farewell: Farewell
  #abandoned: HandoverError | null = null
  #wake: () => void = () => {}

  constructor(host: ExecHost, calls: ImageCalls, image: Image, timeoutMs: number, cut: boolean) {
    const { connections, limits } = host
    this.#host = host
    this.#calls = calls
    this.#image = image
    this.#cut = cut
    this.#timeoutMs = timeoutMs
    this.#deadline = performance.now() + timeoutMs
    const spared = (connection: Connection) => this.#keeps(connection)
    this.#freeze = new Freeze(connections, spared)
    const { lastRequests } = host
    const idleMs = Math.min(limits.idleMs, timeoutMs / 2)
    this.#farewell = new Farewell(
      { connections, lastRequests, spared, deadline: this.#deadline, idleMs },
      () => this.#wake(),
    )
  }

  /** Gives the error if this program goes on. */
  async go(): Promise<HandoverError> {
    const { connections } = this.#host
    const ending = new Set([...connections.open].filter((connection) => !this.#keeps(connection)))
    if (ending.size > 0) this.#farewell.begin()
    const begun = new Set([...connections.open].flatMap(({ exchanges }) => exchanges))
    for (let patienceMs = firstHoldMs; ; patienceMs *= 4) {
      const left = await this.#until(this.#deadline, () => this.#lasting(ending, begun))
      if (left.length > 0 && !this.#cut) throw this.#tooLate(left)
      const busy = await this.#comeToRest(patienceMs)
      if (busy.length === 0) return this.#replace()
      if (performance.now() >= this.#deadline) throw this.#tooLate(busy)
      this.#freeze.thaw()
      // Everybody has had to wait for those who are not quick: now all are served for a while.
      const end = Math.min(performance.now() + patienceMs, this.#deadline)
      await this.#until(end, () => (performance.now() < end ? busy : []))
    }
  }

  /** At once, so that nothing of this attempt is in the way of what comes next: a drain. */
  abandon(reason: HandoverError): void {
    this.#abandoned = reason
    this.giveUp()
    this.#wake()
  }

  /** Everything is served again. Calling it again has no effect. */
  giveUp(): void {
    this.#farewell.stop()
    this.#freeze.thaw()
  }

  /** Freezes, and gives what could not be frozen within a moment; at the deadline that is cut if it was asked for. */
  async #comeToRest(holdMs: number): Promise<readonly Connection[]> {
    this.#freeze.begin()
    const busy = await this.#until(performance.now() + holdMs, () => this.#freeze.sweep(() => this.#wake()))
    if (busy.length === 0) {
      await this.#host.beforeExec(this.#freeze.kept, this.#freeze.waiting)
      await this.#host.announcer.flush()
      return this.#until(performance.now() + holdMs, () => this.#freeze.sweep(() => this.#wake()))
    }
    if (!this.#cut || performance.now() < this.#deadline) return busy
    for (const connection of busy) {
      const names = describe(connection).join(', ')
      process.emitWarning(`exec() cut at its deadline: ${names}`, 'HandoverWarning')
      markCut(connection)
      connection.stream.destroy()
    }
    return this.#until(performance.now() + holdMs, () => this.#freeze.sweep(() => this.#wake()))
  }

  /** What is worth waiting for, while everything is served. */
  #lasting(ending: Set<Connection>, begun: Set<Exchange>): Connection[] {
    const since = performance.now() - quickMs
    return [...this.#host.connections.open].filter((connection) =>
      this.#keeps(connection)
        ? connection.exchanges.some((one) => begun.has(one) && one.startedAt < since)
        : ending.has(connection),
    )
  }

  #keeps(connection: Connection): boolean {
    if (!this.#host.keeps || !isMovable(connection)) return false
    return connection.exchanges.every(({ response }) => eventStreamOf(response) === undefined)
  }

  /** Looks after each poll that may have changed something, until nothing is found or the time is over. */
  async #until(deadline: number, find: () => readonly Connection[]): Promise<readonly Connection[]> {
    for (;;) {
      await nextTurn()
      if (this.#abandoned !== null) throw this.#abandoned
      const found = find()
      if (found.length === 0 || performance.now() >= deadline) return found
      // Half a request, and what is left to write, come to their end without an event.
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, lookMs)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }

  /** In the very turn in which everything was found at rest. */
  #replace(): HandoverError {
    const { generation } = this.#host
    const { file, argv, cwd } = this.#image
    const kept = this.#freeze.records((server) => this.#host.nameOf(server))
    const listeners = this.#host.listeners()
    const lasting = [...listeners, ...kept].map(({ fd }) => fd)
    const folder = process.cwd()
    const memory = this.#calls.createMemoryFile()
    let failure: string
    try {
      writeRecord(memory, { version: 1, generation: generation + 1, listeners, connections: kept })
      const env = { ...this.#image.env, ...listenVariables(listeners), HANDOVER_EXEC: String(memory) }
      for (const fd of [0, 1, 2, memory, ...lasting]) this.#calls.keep(fd)
      process.chdir(cwd)
      failure = this.#calls.replace(file, argv, env)
    } catch (error) {
      failure = messageOf(error)
    }
    for (const fd of lasting) this.#calls.confine(fd)
    fs.closeSync(memory)
    process.chdir(folder)
    return new HandoverError('ERR_HANDOVER_EXEC', `"${file}" could not be executed: ${failure}`)
  }

  #tooLate(busy: readonly Connection[]): HandoverError {
    const names = busy.flatMap(describe).join(', ')
    return new HandoverError(
      'ERR_HANDOVER_EXEC_DEADLINE',
      `exec() was given up after ${this.#timeoutMs / 1000} s: ${names}`,
    )
  }
}

/** sd_listen_fds(3), for a program that knows nothing of HANDOVER_EXEC, where the descriptors allow for it. */
function listenVariables(listeners: { name: string; fd: number }[]): Record<string, string> {
  const LISTEN_PID = String(process.pid)
  const inPlace = listeners.length > 0 && listeners.every(({ fd }, index) => fd === 3 + index)
  if (!inPlace) return { LISTEN_PID }
  const LISTEN_FDNAMES = listeners.map(({ name }) => name).join(':')
  return { LISTEN_PID, LISTEN_FDS: String(listeners.length), LISTEN_FDNAMES }
}

/** Milliseconds. One that was in flight at the start and takes longer is waited for; others finish while all else waits. */
const quickMs = 100
/** For so long others wait for those in flight, and are served before the next attempt; four times as long each time. */
const firstHoldMs = 250
const lookMs = 10
