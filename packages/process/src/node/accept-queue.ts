import type net from 'node:net'

/** Node's own object below a listening server. */
export interface ListenHandle {
  /** Its descriptor; -1 once it is closed. */
  readonly fd?: number
  onconnection: (this: unknown, error: number, client?: ClientHandle) => void
  close(...args: unknown[]): void
  /** Fills in the address; not there on a unix socket. */
  getsockname?(out: object): number
}

interface ClientHandle {
  close(...args: unknown[]): void
}

export function handleOf(server: net.Server): ListenHandle | null {
  return (server as net.Server & { _handle?: ListenHandle | null })._handle ?? null
}

/**
 * The listening handle of a node:cluster primary (round robin, Node's default), and what was accepted from it
 * that no worker has taken yet.
 *
 * When the last worker goes, Node closes the handle and whatever is left in that queue. While draining that
 * would lose clients, so it is counted here what waits. And before a drain it would lose the inherited
 * descriptor for good, though the application may fork again in the next moment: so the handle is kept, and
 * what arrives meanwhile is held for the workers to come.
 */
export class AcceptQueue {
  readonly handle: ListenHandle
  readonly #close: () => void
  #waiting = 0
  #held: ClientHandle[] = []
  #closed = false
  #emptied: () => void = () => {}

  /** `abandoned`: the cluster module has closed the handle; without it, closing is final. */
  constructor(handle: ListenHandle, abandoned?: () => void) {
    this.handle = handle
    this.#close = handle.close.bind(handle)
    if (abandoned !== undefined) handle.close = () => this.#keep(abandoned)
    this.attach()
  }

  /** Counts from now on; to be called when the cluster module has taken the handle. */
  attach(): void {
    const { onconnection } = this.handle
    this.handle.onconnection = (error, client) => {
      if (client !== undefined) this.#count(client)
      onconnection.call(this.handle, error, client)
    }
    for (const client of this.#held.splice(0)) this.handle.onconnection(0, client)
  }

  /** Gives a connection from elsewhere to the workers. */
  push(client: ClientHandle): void {
    if (this.#closed) client.close()
    else this.handle.onconnection(0, client)
  }

  /** Accepts nothing more; resolves when the workers have taken everything. */
  async close(): Promise<void> {
    this.#closed = true
    this.#keepName()
    this.#close()
    for (const client of this.#held.splice(0)) client.close()
    if (this.#waiting > 0) await new Promise<void>((resolve) => (this.#emptied = resolve))
  }

  /**
   * A worker that is still starting asks for the listener when its handle is closed, and gets connections that
   * wait. Without the address Node takes the port for another's: the worker would say that it has accepted a
   * connection, and fall over it (`server.onconnection is not a function`).
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
