import type dgram from 'node:dgram'
import fs from 'node:fs'
import type net from 'node:net'
import { handleOf, type ListenHandle } from '../node/accept-queue.js'
import { handleFd } from '../node/datagram-handle.js'
import type { InheritedListener } from './inherited.js'
import { boundName, isBoundName } from './bound-name.js'
import { socketInode } from '../system/socket-table.js'

/** A listening socket, and the name that our successor knows it by. */
export interface PassedListener {
  name: string
  fd: number
}

/** What a successor is given to listen on: what came with this process, and what was bound here. */
export class PassedListeners {
  readonly #inherited: readonly InheritedListener[]
  /** A descriptor's number is another socket's once it was closed; its inode is not. */
  readonly #inodes: Map<InheritedListener, string | null>
  readonly #bound = new Map<net.Server, { name: string; handle: ListenHandle }>()
  readonly #datagrams = new Map<dgram.Socket, string>()

  constructor(inherited: readonly InheritedListener[]) {
    this.#inherited = inherited
    this.#inodes = new Map(inherited.map((listener) => [listener, socketInode(listener.fd)]))
  }

  /** To be called in 'listening': a node:cluster primary takes the handle away right after. */
  add(server: net.Server): void {
    const handle = handleOf(server)
    const address = server.address()
    if (handle !== null && address !== null) this.#bound.set(server, { name: boundName(address), handle })
  }

  addDatagrams(socket: dgram.Socket): void {
    this.#datagrams.set(socket, boundName(socket.address()))
    socket.once('close', () => this.#datagrams.delete(socket))
  }

  /** The servers that were bound here and still listen. */
  servers(): net.Server[] {
    return [...this.#bound.keys()].filter(({ listening }) => listening)
  }

  /** The name that the successor knows it by, where it was bound here. */
  nameOf(server: net.Server): string | undefined {
    return this.#bound.get(server)?.name
  }

  list(): PassedListener[] {
    const bound = [...this.#bound.values()].map(({ name, handle }) => ({ name, fd: handle.fd ?? -1 }))
    const datagrams = [...this.#datagrams].map(([socket, name]) => ({ name, fd: handleFd(socket) }))
    return [...this.inherited(), ...[...bound, ...datagrams].filter(({ fd }) => fd >= 0)]
  }

  /** Files of unix sockets that an earlier generation has bound: the last one removes them, as Node would its own. */
  removePaths(): void {
    for (const { name, address } of this.#inherited)
      if (isBoundName(name) && address?.type === 'unix') fs.rmSync(address.path, { force: true })
  }

  /** Those of them that came with this process. */
  inherited(): PassedListener[] {
    const open = this.#inherited.filter(
      (listener) =>
        this.#inodes.get(listener) !== null && socketInode(listener.fd) === this.#inodes.get(listener),
    )
    return open.map(({ name, fd }) => ({ name, fd }))
  }
}
