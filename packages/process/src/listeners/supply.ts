import type dgram from 'node:dgram'
import fs from 'node:fs'
import type net from 'node:net'
import os from 'node:os'
import { isShareable, replaceWhenInUse } from '../node/datagram-handle.js'
import type { ListenHandle } from '../node/handle.js'
import { openHandle } from '../node/held-handle.js'
import {
  bindHandle,
  defaultBacklog,
  supplyHandles,
  type HandleRequest,
  type SuppliedHandle,
} from '../node/listen-hook.js'
import { maxBacklog } from '../node/original-listen.js'
import { loadKoffi } from '../system/koffi.js'
import { preserveReuseAddress } from '../system/reuse-address.js'
import { formatAddress, socketInode, type ListenAddress } from '../system/socket-table.js'
import type { AcceptGate } from './accept-gate.js'
import { absolutePath, findListener, type InheritedListener } from './inherited.js'
import type { Listeners } from './listeners.js'
import type { PassedListeners } from './passed-listeners.js'
import { bindPath, isFilePath, keepFile } from './unix-path.js'

/** Asks the supervisor for a listener that another instance of the service has. Null if there is none. */
export type AskForListener = (address: ListenAddress) => { name: string; fd: number } | null

export type WorkerRequest = Pick<HandleRequest, 'address' | 'port'>

export interface SupplyOptions {
  /** Null: what is bound here is not kept for other instances. */
  ask: AskForListener | null
  /** Whether the supervisor has a copy of what was bound here: then the file of a unix socket stays. */
  isKept(): boolean
  warn(message: string): void
}

/** Where the servers of this process get their handles: from an inherited listener, by binding, or from the supervisor. */
export class HandleSupply {
  readonly #listeners: Listeners
  readonly #passed: PassedListeners
  readonly #gate: AcceptGate
  readonly #options: SupplyOptions

  constructor(listeners: Listeners, passed: PassedListeners, gate: AcceptGate, options: SupplyOptions) {
    this.#listeners = listeners
    this.#passed = passed
    this.#gate = gate
    this.#options = options
  }

  /** From now on, `server` gets its handle from here whenever it listens. */
  provide(server: net.Server): void {
    supplyHandles(server, (request) => this.#supply(server, request))
  }

  /** The same for a UDP socket that is about to be bound. */
  provideDatagrams(socket: dgram.Socket): void {
    if (this.#options.ask === null || isShareable(socket)) return
    const find = (host: string, port: number): number | null => {
      const listener = this.#request({ type: 'udp', host, port })
      if (listener === null) return null
      this.#listeners.adoptedDatagrams.set(socket, listener)
      this.#gate.trackDatagrams(socket, listener)
      listener.adopted = true
      return listener.fd
    }
    replaceWhenInUse(socket, find, preserveReuseAddress)
  }

  /**
   * For the workers of a node:cluster primary with SCHED_NONE, which listen on copies of a handle that the primary has
   * only bound. `opened`: what Node has opened, or the negative errno.
   */
  share(opened: ListenHandle | number, request: WorkerRequest): ListenHandle | number {
    const failure = typeof opened === 'number' ? opened : (opened.getsockname?.({}) ?? 0)
    const isInUse = failure === -os.constants.errno.EADDRINUSE || (failure === 0 && !this.#listens(opened))
    const listener = isInUse ? this.#request(addressOf(request)) : null
    if (listener === null) {
      if (failure === 0 && typeof opened !== 'number') this.#passed.addHandle(opened, addressOf(request))
      return opened
    }
    if (typeof opened !== 'number') opened.close()
    listener.adopted = true
    return openHandle(listener.fd) ?? -os.constants.errno.EBADF
  }

  /** listen(2), so that the supervisor can copy it. Nothing is accepted before a worker does. */
  #listens(handle: ListenHandle | number): boolean {
    const koffi = loadKoffi()
    if (koffi === null || typeof handle === 'number') return true
    const listen = koffi.load(null).func('int listen(int, int)')
    return Number(listen(handle.fd ?? -1, defaultBacklog)) === 0
  }

  #supply(server: net.Server, request: HandleRequest): SuppliedHandle | null {
    this.#listeners.adopted.delete(server) // it may have had one before it was closed
    const listener = this.#find(request)
    if (listener !== undefined) {
      this.#warnIfOther(listener, request)
      return this.#adopt(server, listener)
    }
    if (this.#options.ask === null || typeof request.fd === 'number') return null
    const bound = isPath(request) ? this.#bindPath(request, request.address) : bindHandle(request)
    if (bound === -os.constants.errno.EADDRINUSE) return this.#ask(server, request)
    if (bound === null || typeof bound === 'number') return null // Node reports the error
    if (request.port === 0) this.#passed.expectAnyPort(server)
    return { handle: bound }
  }

  #find({ address, port, fd }: HandleRequest): InheritedListener | undefined {
    const { inherited } = this.#listeners
    if (typeof fd === 'number')
      return inherited.find(
        (listener) => listener.fd === fd && !listener.adopted && listener.address !== null,
      )
    if (port < 0) return findListener(inherited, { path: address ?? '' })
    return findListener(inherited, { port, host: address ?? undefined })
  }

  #warnIfOther({ name, address }: InheritedListener, { address: host, port }: HandleRequest): void {
    if (address?.type !== 'tcp' || host === null || port < 0 || isWildcard(host) || !isWildcard(address.host))
      return
    this.#options.warn(
      `The application asked for ${formatAddress({ type: 'tcp', host, port })}, but its listener "${name}" is ` +
        `${formatAddress(address)}, which more clients can reach`,
    )
  }

  #adopt(server: net.Server, listener: InheritedListener): SuppliedHandle | null {
    const handle = this.#gate.handleFor(server, listener)
    if (handle === null) return null
    listener.adopted = true
    this.#listeners.adopted.set(server, listener)
    // listen(2) on a listening socket changes its backlog, for all processes. The present one cannot be read.
    return { handle, backlog: maxBacklog }
  }

  #ask(server: net.Server, request: HandleRequest): SuppliedHandle | null {
    const listener = this.#request(addressOf(request))
    return listener === null ? null : this.#adopt(server, listener)
  }

  /** Null if no other instance has the address, or this process itself. */
  #request(address: ListenAddress): InheritedListener | null {
    const found = this.#passed.isUsedHere(address) ? null : (this.#options.ask?.(address) ?? null)
    if (found === null) return null
    const inode = socketInode(found.fd)
    const known = this.#listeners.inherited.find(({ fd }) => socketInode(fd) === inode)
    if (known === undefined && !this.#passed.bound().some(({ fd }) => socketInode(fd) === inode)) {
      const listener = this.#listeners.add(found)
      this.#passed.remember(listener)
      return listener
    }
    fs.closeSync(found.fd)
    // It has another host: see `findListener`.
    return known === undefined || known.adopted ? null : known
  }

  /**
   * libuv deletes the file of a socket that it has bound when it closes it, but other instances have the socket, too. So
   * the socket is bound here, and the file is deleted only if no other process can have it. Null or the negative errno
   * if that fails.
   */
  #bindPath(request: HandleRequest, path: string): ListenHandle | number | null {
    if (!isFilePath(path)) return null
    const koffi = loadKoffi()
    const fd = koffi === null ? null : bindPath(koffi, path)
    if (fd !== null && fd < 0) return fd
    const handle = fd === null ? bindHandle(request) : openHandle(fd)
    if (handle === null || typeof handle === 'number') return handle
    const absolute = absolutePath(path)
    const close = handle.close.bind(handle)
    handle.close = (...args) => {
      const isKept = this.#options.isKept()
      if (isKept && fd === null) return keepFile(absolute, () => close(...args))
      close(...args)
      if (!isKept) fs.rmSync(absolute, { force: true })
    }
    return handle
  }
}

const isWildcard = (host: string): boolean => host === '0.0.0.0' || host === '::'

const isPath = (request: HandleRequest): request is HandleRequest & { address: string } =>
  request.port < 0 && request.address !== null

function addressOf({ address, port }: WorkerRequest): ListenAddress {
  if (port < 0) return { type: 'unix', path: absolutePath(address ?? '') }
  return { type: 'tcp', host: address ?? '::', port }
}
