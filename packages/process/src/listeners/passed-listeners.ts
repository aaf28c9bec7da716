import type dgram from 'node:dgram'
import fs from 'node:fs'
import type net from 'node:net'
import { listenHandleOf, type ListenHandle } from '../node/handle.js'
import { datagramDescriptor } from '../node/datagram-handle.js'
import type { InheritedListener } from './inherited.js'
import { boundName, isBoundName } from './bound-name.js'
import { discoveredName } from './discovered-name.js'
import { socketInode } from '../system/socket-table.js'

/** A listening or UDP socket, and its name in the successor's LISTEN_FDNAMES. */
export interface PassedListener {
  name: string
  fd: number
}

/** The sockets that a successor gets: those that this process has inherited or bound. */
export class PassedListeners {
  readonly #inherited: readonly InheritedListener[]
  readonly #inodes: Map<InheritedListener, string | null>
  readonly #discovered: boolean
  readonly #bound = new Map<net.Server, { name: string; handle: ListenHandle }>()
  readonly #datagrams = new Map<dgram.Socket, string>()

  /** `discovered`: a supervisor keeps what is bound here, and passes it on under the names of `discoveredName`. */
  constructor(inherited: readonly InheritedListener[], discovered = false) {
    this.#inherited = inherited
    this.#discovered = discovered
    this.#inodes = new Map(inherited.map((listener) => [listener, socketInode(listener.fd)]))
  }

  /** Call it in the 'listening' event: the node:cluster primary takes the handle away right after it. */
  add(server: net.Server): void {
    const handle = listenHandleOf(server)
    const address = server.address()
    if (handle !== null && address !== null)
      this.#bound.set(server, { name: this.#newName('tcp', address), handle })
  }

  addDatagrams(socket: dgram.Socket): void {
    this.#datagrams.set(socket, this.#newName('udp', socket.address()))
    socket.once('close', () => this.#datagrams.delete(socket))
  }

  /** The servers that this process has bound and that still listen. */
  servers(): net.Server[] {
    return [...this.#bound.keys()].filter(({ listening }) => listening)
  }

  /** The successor's name for a server's listener. Undefined if this process has not bound it. */
  nameOf(server: net.Server): string | undefined {
    return this.#bound.get(server)?.name
  }

  /** All listeners that are still open. */
  list(): PassedListener[] {
    return [...this.inherited(), ...this.bound()]
  }

  /** Those that this process has bound and that are still open. */
  bound(): PassedListener[] {
    const bound = [...this.#bound.values()].map(({ name, handle }) => ({ name, fd: handle.fd ?? -1 }))
    const datagrams = [...this.#datagrams].map(([socket, name]) => ({ name, fd: datagramDescriptor(socket) }))
    return [...bound, ...datagrams].filter(({ fd }) => fd >= 0)
  }

  /** Removes the files of unix sockets that an earlier generation has bound. For a process without a successor. */
  removePaths(): void {
    for (const { name, address } of this.#inherited)
      if (isBoundName(name) && address?.type === 'unix') fs.rmSync(address.path, { force: true })
  }

  /** The inherited listeners that are still open: the application may have closed their servers. */
  inherited(): PassedListener[] {
    return this.#inherited
      .filter((listener) => isSame(this.#inodes.get(listener), socketInode(listener.fd)))
      .map(({ name, fd }) => ({ name, fd }))
  }

  #newName(type: 'tcp' | 'udp', address: net.AddressInfo | string): string {
    if (!this.#discovered) return boundName(address)
    const bound = [...this.#bound].map(([server, { name }]) => ({
      name,
      type: typeof server.address() === 'string' ? 'unix' : 'tcp',
    }))
    const datagrams = [...this.#datagrams.values()].map((name) => ({ name, type: 'udp' }))
    const inherited = this.#inherited.map((listener) => ({
      name: listener.name,
      type: listener.address?.type,
    }))
    return discoveredName(type, address, [...inherited, ...bound, ...datagrams])
  }
}

/** After a descriptor was closed, its number may be reused, but not the inode of its socket. */
const isSame = (before: string | null | undefined, now: string | null): boolean =>
  now !== null && before === now
