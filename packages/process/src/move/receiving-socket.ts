import fs from 'node:fs'
import net from 'node:net'
import { StringDecoder } from 'node:string_decoder'
import { originalListen } from '../node/original-listen.js'
import { LineSplitter } from '#shared/lines.js'
import type { Acknowledgement, Batch, Greeting, MovedConnection } from '../protocol/moves.js'
import { descriptorCalls, type DescriptorCalls } from '../system/descriptors.js'
import { loadKoffi, type Koffi } from '../system/koffi.js'

/** Gets what arrives on the socket. */
export interface Recipient {
  greeting(): Greeting
  /** Continues the connection, or closes the descriptor and returns false. */
  receive(record: MovedConnection, fd: number): boolean
  /** A batch is complete, and is acknowledged next. */
  received(): void
}

/**
 * The socket to which predecessors send their connections. koffi is loaded when the first one connects. Every batch is
 * acknowledged as soon as its descriptors have arrived. The acknowledgement lists the connections that could not be
 * received: they stay with the sender.
 */
export class ReceivingSocket {
  readonly path: string
  readonly #server: net.Server
  readonly #recipient: Recipient
  readonly #deliveries = new Set<Delivery>()

  constructor(path: string, recipient: Recipient, failed: (message: string) => void) {
    this.path = path
    this.#recipient = recipient
    // Paused: Node would read the bytes and drop the descriptors.
    this.#server = net.createServer({ pauseOnConnect: true }, (socket) => this.#connected(socket))
    this.#server.on('error', (error) =>
      failed(`The socket "${path}" for connections of a predecessor could not be opened: ${error.message}`),
    )
    fs.rmSync(path, { force: true })
    this.#listen()
  }

  get listening(): boolean {
    return this.#server.listening
  }

  /** Listens again if the file was removed. Predecessors that are connected stay so. */
  renew(): void {
    if (!this.listening || fs.existsSync(this.path)) return
    net.Server.prototype.close.call(this.#server)
    this.#listen()
  }

  close(): void {
    net.Server.prototype.close.call(this.#server)
    for (const delivery of this.#deliveries) delivery.close()
  }

  #listen(): void {
    originalListen.call(this.#server, { path: this.path })
    this.#server.unref()
  }

  #connected(socket: net.Socket & { _handle?: { fd: number } | null }): void {
    socket.unref().on('error', () => {})
    const koffi = loadKoffi()
    if (koffi === null || !socket._handle) return void socket.destroy()
    const delivery = new Delivery(koffi, socket, socket._handle.fd, this.#recipient)
    this.#deliveries.add(delivery)
    socket.write(JSON.stringify(this.#recipient.greeting()) + '\n')
    socket.once('close', () => {
      this.#deliveries.delete(delivery)
      delivery.close()
    })
  }
}

/** One predecessor's connection to the socket. */
class Delivery {
  readonly #calls: DescriptorCalls
  readonly #socket: net.Socket
  readonly #recipient: Recipient
  /** A copy for recvmsg(2): libuv allows one handle for each descriptor. */
  readonly #fd: number
  readonly #poll: { close(): void; unref(): void }
  readonly #lines = new LineSplitter()
  readonly #decoder = new StringDecoder('utf8')
  /** The descriptors of batches whose line is not complete. */
  readonly #arrived: number[][] = []
  #open = true

  constructor(koffi: Koffi, socket: net.Socket, fd: number, recipient: Recipient) {
    this.#calls = descriptorCalls(koffi)
    this.#socket = socket
    this.#recipient = recipient
    this.#fd = this.#calls.duplicate(fd)
    // The callback runs outside of Node's own callbacks: an exception in it would be lost.
    this.#poll = koffi.node.poll(this.#fd, { readable: true }, () => setImmediate(() => this.#receive()))
    this.#poll.unref()
  }

  close(): void {
    if (!this.#open) return
    this.#open = false
    this.#poll.close()
    fs.closeSync(this.#fd)
    for (const fd of this.#arrived.flat()) fs.closeSync(fd)
    this.#socket.destroy()
  }

  #receive(): void {
    for (let turn = 0; this.#open && turn < messagesPerTurn; turn++) {
      const received = this.#calls.receive(this.#fd)
      if (received === null) return
      if (received.carried) this.#arrived.push(received.fds)
      if (received.end) return this.close()
      for (const line of this.#lines.push(this.#decoder.write(received.data))) this.#deliver(line)
    }
  }

  #deliver(line: string): void {
    const batch = parse(line)
    const fds = this.#arrived.shift() ?? []
    if (batch === null) {
      for (const fd of fds) fs.closeSync(fd)
      return this.close()
    }
    const refused: number[] = []
    batch.moved.forEach((record, index) => {
      const fd = fds[index]
      if (fd !== undefined && this.#recipient.receive(record, fd)) return
      refused.push(index)
    })
    this.#recipient.received()
    const acknowledgement: Acknowledgement = { batch: batch.batch, refused }
    this.#socket.write(JSON.stringify(acknowledgement) + '\n')
  }
}

/** 800 connections take a few milliseconds. Requests are served between the turns. */
const messagesPerTurn = 4

function parse(line: string): Batch | null {
  try {
    const batch = JSON.parse(line) as Partial<Batch> | null
    const known = batch?.version === 1 && typeof batch.batch === 'number' && Array.isArray(batch.moved)
    return known ? (batch as Batch) : null
  } catch {
    return null
  }
}
