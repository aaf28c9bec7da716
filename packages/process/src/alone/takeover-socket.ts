import fs from 'node:fs'
import net from 'node:net'
import { asideOf } from '../listeners/unix-path.js'
import type { PassedListeners } from '../listeners/passed-listeners.js'
import { descriptorOf } from '../node/handle.js'
import { originalListen } from '../node/original-listen.js'
import { LineSplitter } from '#shared/lines.js'
import { messageOf } from '../protocol/errors.js'
import { isRequest, type Offer, type Refusal } from '../protocol/takeover.js'
import { descriptorCalls } from '../system/descriptors.js'
import type { Koffi } from '../system/koffi.js'
import { isTrusted, peerOf, type Peer } from '../system/peer.js'
import type { Candidate } from './candidate.js'

/** Replaces this process by the one that asks. Rejects with the reason if the upgrade is refused or fails. */
export type Replace = (start: (predecessor: string) => Promise<Candidate>) => Promise<unknown>

/**
 * The socket on which another process, started by the same user or root, can take over. It is bound at another path
 * and then renamed. So there is always exactly one socket at the path, which replaces a stale one or the predecessor's.
 */
export class TakeoverSocket {
  readonly #koffi: Koffi
  readonly #path: string
  readonly #listeners: PassedListeners
  readonly #replace: Replace
  readonly #warn: (message: string) => void
  readonly #server = net.createServer((socket) => this.#connected(socket))
  #inode: number | null = null

  constructor(
    koffi: Koffi,
    path: string,
    listeners: PassedListeners,
    replace: Replace,
    warn: (message: string) => void,
  ) {
    this.#koffi = koffi
    this.#path = path
    this.#listeners = listeners
    this.#replace = replace
    this.#warn = warn
    const aside = asideOf(path)
    const failed = (error: unknown) => warn(`No process can take over at "${path}": ${messageOf(error)}`)
    this.#server.unref().on('error', failed)
    this.#server.once('listening', () => {
      try {
        fs.chmodSync(aside, 0o600)
        this.#inode = fs.statSync(aside).ino
        fs.renameSync(aside, path)
      } catch (error) {
        failed(error)
      }
    })
    fs.rmSync(aside, { force: true })
    originalListen.call(this.#server, { path: aside })
  }

  /** Removes the file, unless it belongs to another process by now. */
  close(): void {
    net.Server.prototype.close.call(this.#server)
    try {
      if (fs.statSync(this.#path).ino === this.#inode) fs.rmSync(this.#path)
    } catch {
      // It has already been removed.
    }
  }

  #connected(socket: net.Socket): void {
    const lines = new LineSplitter()
    const peer = peerOf(this.#koffi, descriptorOf(socket))
    socket
      .unref()
      .setEncoding('utf8')
      .on('error', () => {})
    if (peer === null || !isTrusted(peer)) {
      this.#warn(`User ${peer?.uid ?? 'unknown'} was refused to take over`)
      return refuse(socket, 'another user is not trusted')
    }
    socket.on('data', (chunk) => {
      for (const line of lines.push(String(chunk))) {
        if (isRequest(line)) void this.#passTo(socket, peer)
        else refuse(socket, 'the request is not understood')
      }
    })
  }

  async #passTo(socket: net.Socket, peer: Peer): Promise<void> {
    try {
      await this.#replace((predecessor) => Promise.resolve(this.#offer(socket, peer, predecessor)))
    } catch (error) {
      refuse(socket, messageOf(error))
    }
  }

  #offer(socket: net.Socket, { pid }: Peer, predecessor: string): Candidate {
    const listeners = this.#listeners.list()
    const offer: Offer = { version: 1, names: listeners.map(({ name }) => name), predecessor }
    const data = Buffer.from(JSON.stringify(offer) + '\n')
    const fds = listeners.map(({ fd }) => fd)
    const sent = descriptorCalls(this.#koffi).send(descriptorOf(socket), data, fds)
    if (sent < data.length) throw new Error('the listeners could not be sent')
    const gone = new Promise<string>((resolve) => socket.once('close', () => resolve('ended')))
    // This process did not start the other one, and so does not end it.
    return { pid, gone, end: () => Promise.resolve(), release: () => {} }
  }
}

function refuse(socket: net.Socket, error: string): void {
  const refusal: Refusal = { version: 1, error }
  socket.end(JSON.stringify(refusal) + '\n')
}
