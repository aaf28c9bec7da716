import fs from 'node:fs'
import net from 'node:net'
import { originalListen } from '../node/original-listen.js'
import { lines } from '../protocol/moves.js'
import { descriptorCalls } from '../system/descriptors.js'
import { messageOf } from '../protocol/errors.js'
import { descriptorOf } from '../node/handle.js'
import type { Koffi } from '../system/koffi.js'
import type { PassedListener } from '../listeners/passed-listeners.js'
import type { Candidate } from './candidate.js'
import { isTrusted, peerOf, type Peer } from '../system/peer.js'
import { asideOf, isRequest, type Offer, type Refusal } from '../protocol/takeover.js'

/** Somebody wants to take over; rejects with the reason if it may not, or did not. */
export type Takeover = (start: (predecessor: string) => Promise<Candidate>) => Promise<unknown>

export interface TakeoverOptions {
  path: string
  listeners(): PassedListener[]
  takeover: Takeover
  failed(message: string): void
}

/**
 * Where another process, started by anybody with our user id, takes over. It is bound aside and renamed, so that
 * there is always exactly one at the path: a stale file, or our predecessor's, is replaced.
 */
export class TakeoverSocket {
  readonly #koffi: Koffi
  readonly #options: TakeoverOptions
  readonly #server = net.createServer((socket) => this.#connected(socket))
  #inode: number | null = null

  constructor(koffi: Koffi, options: TakeoverOptions) {
    this.#koffi = koffi
    this.#options = options
    const aside = asideOf(options.path)
    const failed = (error: unknown) =>
      options.failed(`Nobody can take over at "${options.path}": ${messageOf(error)}`)
    this.#server.unref().on('error', failed)
    this.#server.once('listening', () => {
      try {
        fs.chmodSync(aside, 0o600)
        this.#inode = fs.statSync(aside).ino
        fs.renameSync(aside, options.path)
      } catch (error) {
        failed(error)
      }
    })
    fs.rmSync(aside, { force: true })
    originalListen.call(this.#server, { path: aside })
  }

  /** The file is removed unless it is another's by now. */
  close(): void {
    net.Server.prototype.close.call(this.#server)
    try {
      if (fs.statSync(this.#options.path).ino === this.#inode) fs.rmSync(this.#options.path)
    } catch {
      // It is not there.
    }
  }

  #connected(socket: net.Socket): void {
    const split = lines()
    const peer = peerOf(this.#koffi, descriptorOf(socket))
    socket
      .unref()
      .setEncoding('utf8')
      .on('error', () => {})
    if (peer === null || !isTrusted(peer)) {
      this.#options.failed(`User ${peer?.uid ?? 'unknown'} was refused to take over`)
      return refuse(socket, 'another user is not trusted')
    }
    socket.on('data', (chunk) => {
      for (const line of split(String(chunk))) {
        if (isRequest(line)) void this.#give(socket, peer)
        else refuse(socket, 'the request is not understood')
      }
    })
  }

  async #give(socket: net.Socket, peer: Peer): Promise<void> {
    try {
      await this.#options.takeover((predecessor) => Promise.resolve(this.#offer(socket, peer, predecessor)))
    } catch (error) {
      refuse(socket, messageOf(error))
    }
  }

  #offer(socket: net.Socket, { pid }: Peer, predecessor: string): Candidate {
    const listeners = this.#options.listeners()
    const offer: Offer = { version: 1, names: listeners.map(({ name }) => name), predecessor }
    const data = Buffer.from(JSON.stringify(offer) + '\n')
    const fds = listeners.map(({ fd }) => fd)
    const sent = descriptorCalls(this.#koffi).send(descriptorOf(socket), data, fds)
    if (sent < data.length) throw new Error('the listeners could not be sent')
    const gone = new Promise<string>((resolve) => socket.once('close', () => resolve('ended')))
    // Somebody else started it, and it need not die for us.
    return { pid, gone, end: () => Promise.resolve(), release: () => {} }
  }
}

function refuse(socket: net.Socket, error: string): void {
  const refusal: Refusal = { version: 1, error }
  socket.end(JSON.stringify(refusal) + '\n')
}
