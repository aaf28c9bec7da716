import type dgram from 'node:dgram'
import fs from 'node:fs'
import type net from 'node:net'
import { listenHandleOf, type ListenHandle } from '../node/handle.js'
import { datagramDescriptor } from '../node/datagram-handle.js'
import { absolutePath, type InheritedListener } from './inherited.js'
import { boundName, isBoundName } from './bound-name.js'
import { collides } from '#shared/requested-address.js'
import { discoveredName, type NamedListener } from '#shared/discovered-name.js'
import { socketInode, type ListenAddress } from '../system/socket-table.js'

/** A listening or UDP socket, and its name in the successor's LISTEN_FDNAMES. */
export interface PassedListener {
  name: string
  fd: number
  /** The application has asked for port 0. */
  anyPort?: true
}

interface Bound {
  name: string
  handle: ListenHandle
  address: net.AddressInfo | string
}

/** The sockets that a successor gets: those that this process has inherited or bound. */
export class PassedListeners {
  readonly #inherited: readonly InheritedListener[]
  /** The sockets of the inherited listeners: when one is closed, its number may be used again, but not its inode. */
  readonly #inodes = new Map<InheritedListener, string | null>()
  readonly #discovered: boolean
  readonly #bound = new Map<net.Server | ListenHandle, Bound>()
  readonly #anyPort = new WeakSet<net.Server | ListenHandle>()
  readonly #datagrams = new Map<dgram.Socket, string>()

  /** `discovered`: a supervisor keeps what is bound here, and passes it on under the names of `discoveredName`. */
  constructor(inherited: readonly InheritedListener[], discovered = false) {
    this.#inherited = inherited
    this.#discovered = discovered
    for (const listener of inherited) this.remember(listener)
  }

  /** To be called for each listener that is added to the inherited ones. */
  remember(listener: InheritedListener): void {
    this.#inodes.set(listener, socketInode(listener.fd))
  }

  /** `server` is about to bind port 0. */
  expectAnyPort(server: net.Server): void {
    this.#anyPort.add(server)
  }

  /** Call it in the 'listening' event: the node:cluster primary takes the handle away right after it. */
  add(server: net.Server): void {
    const handle = listenHandleOf(server)
    const address = server.address()
    if (handle === null || address === null) return
    this.#bound.delete(server)
    this.#bound.set(server, { name: this.#newName(typeOf(address), address), handle, address })
  }

  /** For a handle that no server of this process has: a node:cluster primary has opened it for its workers. */
  addHandle(handle: ListenHandle, asked: ListenAddress): void {
    if (asked.type === 'udp') return
    const name: Partial<net.AddressInfo> = {}
    const known = handle.getsockname?.(name) === 0 && name.address !== undefined && name.port !== undefined
    const address = known ? (name as net.AddressInfo) : asked.type === 'unix' ? asked.path : null
    if (address === null) return
    this.#bound.set(handle, { name: this.#newName(typeOf(address), address), handle, address })
    if (asked.type === 'tcp' && asked.port === 0) this.#anyPort.add(handle)
  }

  addDatagrams(socket: dgram.Socket): void {
    this.#datagrams.set(socket, this.#newName('udp', socket.address()))
    socket.once('close', () => this.#datagrams.delete(socket))
  }

  /** The servers that this process has bound and that still listen. */
  servers(): net.Server[] {
    return [...this.#bound.keys()].filter((one): one is net.Server => 'listening' in one && one.listening)
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
    const bound = [...this.#bound].map(([server, { name, handle }]) => ({
      ...{ name, fd: handle.fd ?? -1 },
      ...(this.#anyPort.has(server) && { anyPort: true as const }),
    }))
    const datagrams = [...this.#datagrams].map(([socket, name]) => ({ name, fd: datagramDescriptor(socket) }))
    return [...bound, ...datagrams].filter(({ fd }) => fd >= 0)
  }

  /** Whether this process has bound a unix socket at this absolute path. */
  hasBound(path: string): boolean {
    return [...this.#bound.values()].some(
      ({ address }) => typeof address === 'string' && absolutePath(address) === path,
    )
  }

  /** Whether a server or socket of this process has that address, or one that includes it. */
  isUsedHere(asked: ListenAddress): boolean {
    const adopted = this.#inherited.filter((listener) => listener.adopted)
    const all = [
      ...this.#open().map(({ address }) => listenAddress(address)),
      ...adopted.map(({ address }) => address),
    ]
    return all.some((address) => address !== null && collides(address, asked))
  }

  /** Removes the files of unix sockets that an earlier generation has bound. For a process without a successor. */
  removePaths(): void {
    for (const { name, address } of this.#inherited)
      if (isBoundName(name) && address?.type === 'unix') fs.rmSync(address.path, { force: true })
  }

  /** The inherited listeners that are still open: the application may have closed their servers. */
  inherited(): PassedListener[] {
    return this.#inherited
      .filter((listener) => {
        const inode = this.#inodes.get(listener)
        return inode != null && socketInode(listener.fd) === inode
      })
      .map(({ name, fd }) => ({ name, fd }))
  }

  /** Without the servers that were closed, such as one that only tried whether its port is free. */
  #open(): Bound[] {
    return [...this.#bound.values()].filter(({ handle }) => (handle.fd ?? -1) >= 0)
  }

  #newName(type: NonNullable<NamedListener['type']>, address: net.AddressInfo | string): string {
    if (!this.#discovered) return boundName(address)
    const bound = this.#open().map((one) => ({ name: one.name, type: typeOf(one.address) }))
    const datagrams = [...this.#datagrams.values()].map((name) => ({ name, type: 'udp' as const }))
    const inherited = this.#inherited.map((listener) => ({
      name: listener.name,
      type: listener.address?.type,
    }))
    const which = typeof address === 'string' ? address : address.port
    return discoveredName(type, which, [...inherited, ...bound, ...datagrams])
  }
}

const typeOf = (address: net.AddressInfo | string): 'tcp' | 'unix' =>
  typeof address === 'string' ? 'unix' : 'tcp'

const listenAddress = (address: net.AddressInfo | string): ListenAddress =>
  typeof address === 'string'
    ? { type: 'unix', path: absolutePath(address) }
    : { type: 'tcp', host: address.address, port: address.port }
