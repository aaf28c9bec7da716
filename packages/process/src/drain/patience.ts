import type { Connection } from '../connections/connection.js'
import { speaksHttp1 } from '../connections/http1.js'
import type { DrainContext, ProtocolDrain } from './protocol.js'

/**
 * Finds out when only requests are left that have waited for long, and connections that nothing but the application
 * can end. Many applications answer their long polls in their SIGTERM handler, and close their database there as well.
 *
 * An idle connection may still get its last request, so it is waited for until four fifths of the drain's time are
 * over. The wait begins with the drain, so that it is never over at once.
 */
export class Patience implements ProtocolDrain {
  readonly #context: DrainContext
  readonly #patienceMs: number
  readonly #over: () => void
  #startedAt = Infinity
  #insisting = false
  #timer: NodeJS.Timeout | null = null
  /** The connection that `over` waits for. */
  #blocking: Connection | null = null

  /** Calls `over` once. `patienceMs`: how long a request has waited then at least. */
  constructor(context: DrainContext, patienceMs: number, over: () => void) {
    this.#context = context
    this.#patienceMs = patienceMs
    this.#over = over
  }

  begin(): void {
    this.#startedAt = performance.now()
    this.#lookIn(this.#patienceMs)
  }

  requested(connection: Connection): void {
    this.#changed(connection)
  }

  becameIdle(connection: Connection): void {
    this.#changed(connection)
  }

  closed(connection: Connection): void {
    this.#changed(connection)
  }

  reconsider(): void {
    if (this.#blocking !== null) this.#lookIn(0)
  }

  lastCall(): void {
    this.#insisting = true
    this.reconsider()
  }

  stop(): void {
    this.#startedAt = Infinity
    if (this.#timer !== null) clearTimeout(this.#timer)
  }

  #changed(connection: Connection): void {
    if (connection === this.#blocking) this.#lookIn(0)
  }

  #lookIn(ms: number): void {
    if (this.#startedAt === Infinity) return
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#look(), ms)
  }

  #look(): void {
    const latest = this.#latest()
    this.#blocking = latest?.connection ?? null
    if (latest === null || latest.dueAt === Infinity) return
    const waitMs = latest.dueAt - performance.now()
    if (waitMs > 0) return this.#lookIn(waitMs + 1)
    this.stop()
    this.#over()
  }

  /** The connection to wait for the longest, or null if none waits for the application. */
  #latest(): { connection: Connection; dueAt: number } | null {
    let latest: { connection: Connection; dueAt: number } | null = null
    for (const connection of this.#context.connections.open) {
      const dueAt = this.#dueAt(connection)
      if (dueAt > (latest?.dueAt ?? -Infinity)) latest = { connection, dueAt }
      if (dueAt === Infinity) break
    }
    return latest
  }

  /** -Infinity: nothing waits on it. Infinity: it ends by itself, or gets a request. */
  #dueAt(connection: Connection): number {
    const { exchanges, phase } = connection
    const newest = exchanges.at(-1)
    if (newest !== undefined) return Math.max(newest.startedAt, this.#startedAt) + this.#patienceMs
    if (phase === 'closing') return -Infinity
    if (hasOwnProtocol(connection) && phase !== 'away') return this.#startedAt + this.#patienceMs
    return this.#insisting ? -Infinity : Infinity
  }
}

/** Only the application knows how to end it. */
function hasOwnProtocol({ server, session, upgraded }: Connection): boolean {
  if (upgraded !== null) return !upgraded.open && !upgraded.undecided && !upgraded.closing
  return session === null && !speaksHttp1(server)
}
