import type net from 'node:net'
import { StoppedServer } from './stopped-server.js'

/**
 * Servers that accept no more. Their connections stay as they are, and end with the drain.
 *
 * The application sees 'close' of a server in the order of plain Node: after its own `server.close()` and the last
 * connection of that server. Before `release()` it sees none, since an application may exit there while requests to
 * another server are in flight.
 */
export class ClosingServers {
  readonly #stopped = new Map<net.Server, StoppedServer>()
  /** Which servers emit 'close' once they have ended. `early`: those that the application has closed, see below. */
  #emitting: 'none' | 'early' | 'asked' | 'all' = 'none'
  readonly #busy: () => boolean

  /** `busy`: whether any connection is open. */
  constructor(busy: () => boolean) {
    this.#busy = busy
  }

  /**
   * Whether the application closes its servers itself from here on, in a handler of a signal. Otherwise nothing but
   * this class closes them, and the application sees 'close' nevertheless.
   */
  closesItself = (): boolean => false

  /** Whether `release()` was called. */
  get released(): boolean {
    return this.#emitting === 'asked' || this.#emitting === 'all'
  }

  /** Whether there is a server that the application has not closed. In plain Node it would keep the process alive. */
  get leftOpen(): boolean {
    return [...this.#stopped.values()].some(({ asked }) => !asked)
  }

  /** Stops accepting on `server`. Until the application closes it, it looks as if it were listening. */
  stop(server: net.Server): void {
    if (this.#stopped.has(server)) return
    const emits = (asked: boolean) => this.#emits(asked)
    this.#stopped.set(server, new StoppedServer(server, emits))
  }

  /**
   * The application closes servers now. Each emits 'close' after its own last connection, except the one that ends
   * last: `release()` follows at once.
   */
  releaseOneByOne(): void {
    this.#release('early')
  }

  /** Call it when every connection has ended. Resolves when the listeners have run. */
  async release(): Promise<void> {
    this.#release(this.closesItself() ? 'asked' : 'all')
    await new Promise((resolve) => setImmediate(resolve))
  }

  #emits(asked: boolean): boolean {
    if (this.#emitting === 'early') return asked && this.#busy()
    return this.#emitting === 'all' || (this.#emitting === 'asked' && asked)
  }

  #release(emitting: 'early' | 'asked' | 'all'): void {
    this.#emitting = emitting
    for (const stopped of this.#stopped.values()) stopped.emitIfDue()
  }
}
