import type net from 'node:net'
import { listenHandleOf, type ListenHandle } from '../node/handle.js'
import { exchangeForHeld, hold, openHandle, release } from '../node/held-handle.js'
import { maxBacklog } from '../node/original-listen.js'
import { descriptorCalls } from '../system/descriptors.js'
import { loadKoffi } from '../system/koffi.js'
import type { InheritedListener } from './inherited.js'

/**
 * Whether this process accepts from the listeners that it shares with other instances:
 *
 *     held ──► accepting ◄──► held
 *
 * An instance that is not ready leaves new connections to those that are. Its servers listen all the same, as far as
 * the application can see.
 */
export class AcceptGate {
  #held: boolean
  readonly #servers = new Map<net.Server, { listener: InheritedListener; handle: ListenHandle }>()

  /** `held`: whether it begins without accepting. */
  constructor(held: boolean) {
    this.#held = held
  }

  /** A handle on the listener for `server`, which accepts as soon as this process does. Null: Node has to open it. */
  handleFor(server: net.Server, listener: InheritedListener): ListenHandle | null {
    const handle = listener.kept === undefined ? openHandle(listener.fd) : null
    if (handle === null) return null
    if (this.#held) hold(handle)
    this.#servers.set(server, { listener, handle })
    server.once('close', () => this.#servers.delete(server))
    return handle
  }

  /** Accepts, or leaves new connections to other processes. Without koffi, a process that accepts continues. */
  set(accepting: boolean): void {
    if (this.#held === !accepting) return
    const calls = accepting ? null : duplicator()
    if (!accepting && calls === null) return
    this.#held = !accepting
    for (const [server, entry] of this.#servers) {
      if (calls === null) release(entry.handle, maxBacklog)
      else this.#hold(server, entry, calls)
    }
  }

  #hold(
    server: net.Server,
    entry: { listener: InheritedListener; handle: ListenHandle },
    duplicate: (fd: number) => number,
  ): void {
    // A node:cluster primary has taken the handle.
    if (listenHandleOf(server) !== entry.handle) return
    const fd = duplicate(entry.handle.fd ?? -1)
    const handle = exchangeForHeld(server, fd)
    if (handle === null) return
    entry.handle = handle
    entry.listener.fd = fd
  }
}

function duplicator(): ((fd: number) => number) | null {
  const koffi = loadKoffi()
  return koffi === null ? null : descriptorCalls(koffi).duplicate
}
