import type { ClientHandle, ListenHandle } from './handle.js'

/**
 * The listening handle of a node:cluster primary (round robin, Node's default), and the connections that were accepted
 * from it and that no worker has taken yet.
 *
 * When the last worker exits, Node closes the handle and every connection in that queue. During a drain this would
 * lose clients, so the connections in the queue are counted. Before a drain it would close the inherited descriptor
 * for good, although the application may fork again at once. So the handle stays open, and connections that arrive
 * meanwhile are held for the next workers.
 */
export class AcceptQueue {
  readonly handle: ListenHandle
  readonly #close: () => void
  #waiting = 0
  #held: ClientHandle[] = []
  #closed = false
  #emptied: () => void = () => {}

  /** `abandoned` is called instead of closing the handle when the cluster module closes it. Default: it is closed. */
  constructor(handle: ListenHandle, abandoned?: () => void) {
    this.handle = handle
    this.#close = handle.close.bind(handle)
    if (abandoned !== undefined) handle.close = () => this.#keep(abandoned)
    this.attach()
  }

  /** Starts to count. Call it each time the cluster module has taken the handle. */
  attach(): void {
    const { onconnection } = this.handle
    this.handle.onconnection = (error, client) => {
      if (client !== undefined) this.#count(client)
      onconnection.call(this.handle, error, client)
    }
    for (const client of this.#held.splice(0)) this.handle.onconnection(0, client)
  }

  /** Adds a connection that was accepted by another listener. */
  push(client: ClientHandle): void {
    if (this.#closed) client.close()
    else this.handle.onconnection(0, client)
  }

  /** Stops accepting. Resolves when the workers have taken every connection. */
  async close(): Promise<void> {
    this.#closed = true
    this.#keepName()
    this.#close()
    for (const client of this.#held.splice(0)) client.close()
    if (this.#waiting > 0) await new Promise<void>((resolve) => (this.#emptied = resolve))
  }

  /**
   * A worker that is still starting may ask for the listener after its handle was closed, and then gets connections
   * from the queue. Without an address Node would bind the port again: the worker would report that it has accepted a
   * connection, and then throw `server.onconnection is not a function`.
   */
  #keepName(): void {
    const name = {}
    if (this.handle.getsockname?.(name) !== 0) return
    this.handle.getsockname = (out) => {
      Object.assign(out, name)
      return 0
    }
  }

  #keep(abandoned: () => void): void {
    if (this.#closed) return
    this.handle.onconnection = (_error, client) => client !== undefined && this.#held.push(client)
    abandoned()
  }

  /** Node closes its handle of a connection once a worker has taken it. */
  #count(client: ClientHandle): void {
    this.#waiting++
    const close = client.close.bind(client)
    client.close = (...args) => {
      client.close = close
      if (--this.#waiting === 0) this.#emptied()
      close(...args)
    }
  }
}
