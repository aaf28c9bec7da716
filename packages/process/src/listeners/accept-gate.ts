import type dgram from 'node:dgram'
import fs from 'node:fs'
import type net from 'node:net'
import { datagramHandleOf, holdDatagrams } from '../node/datagram-handle.js'
import { listenHandleOf, type ListenHandle } from '../node/handle.js'
import { hold, manage, openHandle, release, replaceByHeld } from '../node/held-handle.js'
import { maxBacklog } from '../node/original-listen.js'
import { descriptorCalls } from '../system/descriptors.js'
import { loadKoffi } from '../system/koffi.js'
import type { InheritedListener } from './inherited.js'
import { returnOnClose, type Closable } from './return-on-close.js'
import { closeAndKeepPath } from './unix-path.js'

/** Opens or closes the gate of another copy of this library in this process. Returns whether it is open now. */
export type SetAccepting = (accepting: boolean) => boolean

interface Gated {
  server: net.Server
  /** The handle that the server began with, and the one that it has now. They differ once it was held again. */
  first: ListenHandle
  handle: ListenHandle
  /** Absent if this process has bound the listener itself. */
  listener?: InheritedListener
}

/**
 * Whether this process accepts from the listeners that it shares with other instances, and reads from such UDP sockets:
 *
 *     held ──► accepting ◄──► held
 *
 * An instance that is not ready leaves new connections to those that are. Its servers listen all the same, as far as
 * the application can see.
 */
export class AcceptGate {
  #held: boolean
  readonly #servers = new Set<Gated>()
  readonly #datagrams = new Map<dgram.Socket, () => void>()
  readonly #earlier: SetAccepting | undefined
  readonly #returned: (listener: InheritedListener) => void
  #closing = false

  /**
   * `held`: whether it begins without accepting. `earlier`: what an earlier copy of this library has begun with.
   * `returned`: a server was closed, and its listener is free again.
   */
  constructor(
    held: boolean,
    earlier?: SetAccepting,
    returned: (listener: InheritedListener) => void = () => {},
  ) {
    this.#held = held
    this.#earlier = earlier
    this.#returned = returned
  }

  get accepting(): boolean {
    return !this.#held
  }

  /** A handle on the listener for `server`, which accepts as soon as this process does. Null: Node has to open it. */
  handleFor(server: net.Server, listener: InheritedListener): ListenHandle | null {
    const handle = listener.kept ?? openHandle(listener.fd)
    if (handle === null) return null
    const known = [...this.#servers].find(({ first }) => first === handle)
    if (known !== undefined) known.server = server
    else {
      this.#add({ server, first: handle, handle, listener })
      this.#returnOnClose(handle, listener)
    }
    if (this.#held && known === undefined) hold(handle)
    return handle
  }

  /** Call it in the 'listening' event of a server whose listener later instances get. It accepts already. */
  track(server: net.Server): void {
    const handle = listenHandleOf(server)
    if (handle?.fd === undefined) return
    manage(handle)
    this.#add({ server, first: handle, handle })
  }

  /** From here on, the descriptor of a server that is closed is closed, too. */
  drainBegan(): void {
    this.#closing = true
  }

  /** Call it before the socket is bound. It reads as soon as this process accepts. */
  trackDatagrams(socket: dgram.Socket, listener: InheritedListener): void {
    const handle = datagramHandleOf(socket)
    if (handle !== null) this.#returnOnClose(handle, listener)
    if (this.#held) this.#datagrams.set(socket, holdDatagrams(socket))
    else this.#datagrams.set(socket, () => {})
    socket.once('close', () => this.#datagrams.delete(socket))
  }

  /** The socket could not be bound. */
  forgetDatagrams(socket: dgram.Socket): void {
    this.#datagrams.get(socket)?.()
    this.#datagrams.delete(socket)
  }

  /**
   * Accepts, or leaves new connections to other processes. Returns whether it accepts now: a process that accepts cannot
   * stop without koffi, or without a free descriptor.
   */
  set(accepting: boolean): boolean {
    if (this.#held === !accepting) return accepting
    const koffi = accepting ? null : loadKoffi()
    if (!accepting && koffi === null) return true
    this.#held = !accepting
    let acceptsSome = this.#earlier?.(accepting) ?? accepting
    for (const gated of this.#servers) {
      if ((gated.handle.fd ?? -1) < 0) this.#servers.delete(gated)
      else if (koffi === null) release(gated.handle, maxBacklog)
      else if (!holdAgain(gated, descriptorCalls(koffi).duplicate)) acceptsSome = true
    }
    for (const [socket, resume] of this.#datagrams) {
      if (accepting) resume()
      else this.#datagrams.set(socket, holdDatagrams(socket))
    }
    return acceptsSome
  }

  #returnOnClose(handle: Closable, listener: InheritedListener): void {
    returnOnClose(
      handle,
      listener,
      () => !this.#closing,
      () => this.#returned(listener),
    )
  }

  #add(gated: Gated): void {
    this.#servers.add(gated)
    // A node:cluster primary takes the handle from the server, which never closes then.
    gated.server.once('close', () => (gated.handle.fd ?? -1) < 0 && this.#servers.delete(gated))
  }
}

/** Returns false if it accepts as before. */
function holdAgain(gated: Gated, duplicate: (fd: number) => number): boolean {
  const { server, first, handle, listener } = gated
  const fd = copyOf(handle, duplicate)
  if (fd === null) return false
  let next: ListenHandle | null = null
  closeAndKeepPath(server, () => (next = replaceByHeld(first, handle, fd)))
  if (next === null) {
    fs.closeSync(fd)
    return false
  }
  gated.handle = next
  if (listenHandleOf(server) === handle) Object.assign(server, { _handle: next })
  if (listener !== undefined) listener.fd = fd
  return true
}

function copyOf(handle: ListenHandle, duplicate: (fd: number) => number): number | null {
  try {
    return duplicate(handle.fd ?? -1)
  } catch {
    return null
  }
}
