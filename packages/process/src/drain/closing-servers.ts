import net from 'node:net'
import { endsWithDrain } from '../connections/http1.js'

/**
 * Servers that accept no more. Their connections stay as they are, and end with the drain.
 *
 * The application sees 'close' of all servers when `release()` is called, after the last connection of each. An
 * application may exit at that of one server while requests to another are in flight.
 */
export class ClosingServers {
  #held: (() => void)[] | null = []

  /**
   * Stops accepting on `server`. Not with `http.Server.close()`: that closes idle connections, and on Node 26 those that
   * were accepted just now, before they could send their request.
   *
   * The application's own `server.close()` succeeds after this, instead of failing with ERR_SERVER_NOT_RUNNING.
   */
  stop(server: net.Server): void {
    this.#holdClose(server)
    let closed = false
    server.once('close', () => (closed = true))
    net.Server.prototype.close.call(server)
    endsWithDrain(server)
    server.close = (callback) => {
      if (callback !== undefined && closed) process.nextTick(callback)
      else if (callback !== undefined) server.once('close', () => callback())
      return server
    }
  }

  /** Call it when every connection has ended. Resolves when the listeners have run. */
  async release(): Promise<void> {
    const held = this.#held ?? []
    this.#held = null
    for (const emit of held) process.nextTick(emit)
    await new Promise((resolve) => setImmediate(resolve))
  }

  #holdClose(server: net.Server): void {
    const emit = Reflect.get(server, 'emit') as (...args: unknown[]) => boolean
    server.emit = (...args: unknown[]) => {
      if (args[0] !== 'close' || this.#held === null) return emit.apply(server, args)
      this.#held.push(() => emit.apply(server, args))
      return server.listenerCount('close') > 0
    }
  }
}
