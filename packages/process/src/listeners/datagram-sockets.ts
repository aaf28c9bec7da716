import type dgram from 'node:dgram'
import { followSends, kindOf, stopReceiving } from '../node/datagram-handle.js'
import { OptionError } from '../protocol/errors.js'
import type { InheritedListener, ListenTarget } from './inherited.js'
import { OwedReplies } from './owed-replies.js'
import { noConnections, type Participant } from '../protocol/account.js'
import type { ConnectionAccount } from '../protocol/account.js'
import { keepingReuseAddress } from '../system/reuse-address.js'
import { formatAddress } from '../system/socket-table.js'

/**
 * The UDP sockets of a service. Old and new instances read from one socket, and the kernel gives each datagram
 * to one of them; a drain stops reading, and goes on until what was read is answered.
 */
export class DatagramSockets implements Participant {
  readonly #listeners = new Set<() => void>()
  readonly #patienceMs: number
  readonly #remainingMs: () => number
  readonly #sockets = new Map<dgram.Socket, Followed>()
  #received = 0
  #sent = 0
  #stop: () => void = () => {}
  readonly #stopped = new Promise<void>((resolve) => (this.#stop = resolve))

  /** `patienceMs`: how long a drain waits for an answer; `remainingMs`: until the deadline of the drain. */
  constructor(patienceMs: number, remainingMs: () => number) {
    this.#patienceMs = patienceMs
    this.#remainingMs = remainingMs
  }

  subscribe(changed: () => void): () => void {
    this.#listeners.add(changed)
    return () => void this.#listeners.delete(changed)
  }

  get account(): ConnectionAccount {
    return { ...noConnections, datagramsReceived: this.#received, datagramsSent: this.#sent }
  }

  /** To be called before it is bound, so that its first datagram counts. `fd`: of the listener, if it is inherited. */
  follow(socket: dgram.Socket, fd?: number): void {
    if (this.#sockets.has(socket)) return
    const owed = new OwedReplies(this.#patienceMs)
    const received = (_message: Buffer, peer: dgram.RemoteInfo) => {
      if (kindOf(socket) === 'udp4') asIPv4(peer)
      this.#received++
      owed.received(`${peer.address} ${peer.port}`)
      this.#changed()
    }
    const unfollow = followSends(socket, (port, address) => {
      this.#sent++
      owed.sent(`${address} ${port}`)
      this.#changed()
    })
    const closed = () => this.#sockets.delete(socket)
    socket.prependListener('message', received).once('close', closed)
    const release = () => {
      socket.off('message', received).off('close', closed)
      unfollow()
    }
    this.#sockets.set(socket, { fd, owed, release })
  }

  /** Leaves everything to another copy of this library. */
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

  /** Nothing tells when an application has nothing more to send, so it is looked at now and then. */
  async finished(): Promise<string[]> {
    await this.#stopped
    while (this.#remainingMs() > 0 && this.#isBusy())
      await new Promise((resolve) => setTimeout(resolve, lookMs))
    return []
  }

  #changed(): void {
    for (const changed of this.#listeners) changed()
  }

  #isBusy(): boolean {
    return [...this.#sockets].some(([socket, { owed }]) => owed.count > 0 || socket.getSendQueueCount() > 0)
  }
}

interface Followed {
  fd: number | undefined
  owed: OwedReplies
  release: () => void
}

const lookMs = 5

/**
 * A socket that was made for IPv4 gets an IPv6 one (`::`) that takes both: its peers appear as `::ffff:127.0.0.1`,
 * to which it could not send. Node makes this object anew for each datagram.
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
    throw new OptionError(`The address is the path "${path}", a UDP socket takes a port`)
}

/** Lets `socket` read from an inherited descriptor. Throws, or emits 'error', as `bind` does. */
export function adoptDatagrams(
  socket: dgram.Socket,
  listener: InheritedListener,
  callback?: () => void,
): void {
  listener.adopted = true
  try {
    const { fd } = listener
    keepingReuseAddress(fd, () => socket.bind({ fd }, callback))
  } catch (error) {
    listener.adopted = false
    throw error
  }
}

/** Binds the address that was asked for. A worker of a node:cluster has a socket of its own. */
export const bindTarget = (socket: dgram.Socket, { port, host }: ListenTarget): dgram.Socket =>
  socket.bind({ port, ...(host === undefined ? {} : { address: host }) })

/** As a configuration has it: `udp:127.0.0.1:8125`. */
export function datagramAddress(socket: dgram.Socket): string {
  const { address, port } = socket.address()
  return formatAddress({ type: 'udp', host: address, port })
}
