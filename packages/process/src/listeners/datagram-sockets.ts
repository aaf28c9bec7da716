import type dgram from 'node:dgram'
import { openInsteadOfBind, watchSends, kindOf, stopReceiving } from '../node/datagram-handle.js'
import { OptionError } from '../protocol/errors.js'
import type { AcceptGate } from './accept-gate.js'
import type { InheritedListener, ListenTarget } from './inherited.js'
import { OwedReplies } from './owed-replies.js'
import { noConnections, type Participant } from '../protocol/account.js'
import type { ConnectionAccount } from '../protocol/account.js'
import { preserveReuseAddress } from '../system/reuse-address.js'
import { formatAddress } from '../system/socket-table.js'
import { Subscribers } from '../system/subscribers.js'

/**
 * The UDP sockets of a service. Old and new instances read from the same socket, and each datagram goes to one of them.
 * A drain stops reading, then waits until the datagrams that were read are answered.
 */
export class DatagramSockets implements Participant {
  readonly #subscribers = new Subscribers()
  readonly #patienceMs: number
  readonly #remainingMs: () => number
  readonly #sockets = new Map<dgram.Socket, Tracked>()
  #received = 0
  #sent = 0
  #stop: () => void = () => {}
  readonly #stopped = new Promise<void>((resolve) => (this.#stop = resolve))

  /** `patienceMs`: how long a drain waits for a reply. `remainingMs`: the time until the deadline of the drain. */
  constructor(patienceMs: number, remainingMs: () => number) {
    this.#patienceMs = patienceMs
    this.#remainingMs = remainingMs
  }

  subscribe(changed: () => void): () => void {
    return this.#subscribers.subscribe(changed)
  }

  get account(): ConnectionAccount {
    return { ...noConnections, datagramsReceived: this.#received, datagramsSent: this.#sent }
  }

  /** To be called before the socket is bound, so that the first datagram counts. `fd`: the inherited listener's. */
  track(socket: dgram.Socket, fd?: number): void {
    if (this.#sockets.has(socket)) return
    const owed = new OwedReplies(this.#patienceMs)
    const received = (_message: Buffer, peer: dgram.RemoteInfo) => {
      if (kindOf(socket) === 'udp4') asIPv4(peer)
      this.#received++
      owed.received(`${peer.address} ${peer.port}`)
      this.#subscribers.notify()
    }
    const stopWatching = watchSends(socket, (port, address) => {
      this.#sent++
      owed.sent(`${address} ${port}`)
      this.#subscribers.notify()
    })
    const closed = () => this.#sockets.delete(socket)
    socket.prependListener('message', received).once('close', closed)
    const release = () => {
      socket.off('message', received).off('close', closed)
      stopWatching()
    }
    this.#sockets.set(socket, { fd, owed, release })
  }

  /** Stops tracking. Returns the sockets of inherited listeners, for another copy of this library. */
  release(): { socket: dgram.Socket; fd: number }[] {
    const released = [...this.#sockets]
    this.#sockets.clear()
    for (const [, { release }] of released) release()
    return released.flatMap(([socket, { fd }]) => (fd === undefined ? [] : { socket, fd }))
  }

  stopAccepting(): Promise<void> {
    for (const socket of this.#sockets.keys()) stopReceiving(socket)
    this.#stop()
    return Promise.resolve()
  }

  /** Polls: there is no event for the moment at which an application has nothing more to send. */
  async finished(): Promise<string[]> {
    await this.#stopped
    while (this.#remainingMs() > 0 && this.#isBusy())
      await new Promise((resolve) => setTimeout(resolve, pollMs))
    return []
  }

  #isBusy(): boolean {
    return [...this.#sockets].some(([socket, { owed }]) => owed.count > 0 || socket.getSendQueueCount() > 0)
  }
}

interface Tracked {
  fd: number | undefined
  owed: OwedReplies
  release: () => void
}

const pollMs = 5

/**
 * A socket of type `udp4` may have adopted an IPv6 listener (`::`). Its peers then appear as `::ffff:127.0.0.1`, to
 * which it cannot send. Node creates a new `peer` object for each datagram.
 */
function asIPv4(peer: dgram.RemoteInfo): void {
  if (!peer.address.startsWith(mapped)) return
  peer.address = peer.address.slice(mapped.length)
  peer.family = 'IPv4'
}

const mapped = '::ffff:'

/** @throws OptionError for a path: Node has no unix datagram sockets. */
export function checkDatagramTarget({ path }: ListenTarget): void {
  if (path !== undefined)
    throw new OptionError(`The address is the path "${path}", wanted a port for a UDP socket`)
}

/**
 * Lets `socket` read from an inherited descriptor, as soon as `gate` accepts. Throws or emits 'error' as `bind` does.
 * `bind`: the application's own call, which then gets the descriptor. Default: one that names the descriptor, and emits
 * 'listening' at once.
 */
export function adoptDatagrams(
  socket: dgram.Socket,
  listener: InheritedListener,
  gate: AcceptGate,
  bind?: () => void,
): void {
  listener.adopted = true
  gate.trackDatagrams(socket, listener)
  try {
    const { fd } = listener
    if (bind === undefined) preserveReuseAddress(fd, () => socket.bind({ fd }))
    else {
      openInsteadOfBind(socket, fd, (open) => preserveReuseAddress(fd, open))
      bind()
    }
  } catch (error) {
    listener.adopted = false
    gate.forgetDatagrams(socket)
    throw error
  }
}

/** Binds the address of `target`. */
export const bindTarget = (socket: dgram.Socket, { port, host }: ListenTarget): dgram.Socket =>
  socket.bind({ port, ...(host === undefined ? {} : { address: host }) })

/** In the form of a configuration: `udp:127.0.0.1:8125`. */
export function datagramAddress(socket: dgram.Socket): string {
  const { address, port } = socket.address()
  return formatAddress({ type: 'udp', host: address, port })
}
