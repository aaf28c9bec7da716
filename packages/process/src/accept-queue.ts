import type net from 'node:net'

/** Node's own object below a listening server. */
export interface ListenHandle {
  onconnection: (this: unknown, error: number, client?: ClientHandle) => void
  close(): void
}

interface ClientHandle {
  close(...args: unknown[]): void
}

export function handleOf(server: net.Server): ListenHandle | null {
  return (server as net.Server & { _handle?: ListenHandle | null })._handle ?? null
}

/**
 * What a node:cluster primary has accepted and no worker has taken yet (round robin, Node's default). When
 * the last worker goes, Node closes whatever is left in that queue: clients that were accepted and are never
 * answered. So a drain has to know when the queue is empty, and Node does not tell: it is counted here, from
 * the moment that a connection is accepted until the primary closes its copy of it.
 */
export class AcceptQueue {
  readonly #handle: ListenHandle
  #waiting = 0
  #closed = false
  #emptied: () => void = () => {}

  constructor(handle: ListenHandle) {
    this.#handle = handle
    const { onconnection } = handle
    handle.onconnection = (error, client) => {
      if (client !== undefined) this.#count(client)
      onconnection.call(handle, error, client)
    }
  }

  /** Gives a connection from elsewhere to the workers. */
  push(client: ClientHandle): void {
    if (this.#closed) client.close()
    else this.#handle.onconnection(0, client)
  }

  /** Accepts nothing more; resolves when the workers have taken everything. */
  async close(): Promise<void> {
    this.#closed = true
    this.#handle.close()
    if (this.#waiting > 0) await new Promise<void>((resolve) => (this.#emptied = resolve))
  }

  #count(client: ClientHandle): void {
    this.#waiting++
    const inherited = client.close.bind(client)
    client.close = (...args) => {
      client.close = inherited
      if (--this.#waiting === 0) this.#emptied()
      inherited(...args)
    }
  }
}
