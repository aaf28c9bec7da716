import fs from 'node:fs'
import net from 'node:net'
import { StringDecoder } from 'node:string_decoder'
import { originalListen } from '../node/original-listen.js'
import { LineSplitter } from '#shared/lines.js'
import type { Acknowledgement, Batch, Greeting, MovedConnection } from '../protocol/moves.js'
import { descriptorCalls, type DescriptorCalls } from '../system/descriptors.js'
import { loadKoffi, type Koffi } from '../system/koffi.js'

export interface Adopter {
  /** Takes the connection over, or closes the descriptor and says false. */
  take(about: MovedConnection, fd: number): boolean
  /** How many connections we have. */
  open(): number
  /** The names of the WebSocketServers whose sessions we take. */
  webSockets(): string[]
  /** A batch was taken, and is acknowledged next. */
  batchTaken(): void
}

/**
 * Where predecessors deliver their connections. koffi is loaded when the first one connects. Every batch is
 * acknowledged as soon as its descriptors are here; what could not be taken is named, and stays with its sender.
 */
export class AdoptionSocket {
  readonly path: string
  readonly #server: net.Server
  readonly #adopter: Adopter
  readonly #deliveries = new Set<Delivery>()

  constructor(path: string, adopter: Adopter, failed: (message: string) => void) {
    this.path = path
    this.#adopter = adopter
    // Node would read, and drop the descriptors: what it accepts stays paused.
    this.#server = net.createServer({ pauseOnConnect: true }, (socket) => this.#connected(socket))
    this.#server.on('error', (error) =>
      failed(`The adoption socket "${path}" cannot be opened: ${error.message}`),
    )
    fs.rmSync(path, { force: true })
    originalListen.call(this.#server, { path })
    this.#server.unref()
  }

  get listening(): boolean {
    return this.#server.listening
  }

  close(): void {
    net.Server.prototype.close.call(this.#server)
    for (const delivery of this.#deliveries) delivery.close()
  }

  #connected(socket: net.Socket & { _handle?: { fd: number } | null }): void {
    socket.unref().on('error', () => {})
    const koffi = loadKoffi()
    if (koffi === null || !socket._handle) return void socket.destroy()
    const delivery = new Delivery(koffi, socket, socket._handle.fd, this.#adopter)
    this.#deliveries.add(delivery)
    const webSockets = this.#adopter.webSockets()
    const greeting: Greeting = {
      version: 1,
      open: this.#adopter.open(),
      ...(webSockets.length === 0 ? {} : { webSockets }),
    }
    socket.write(JSON.stringify(greeting) + '\n')
    socket.once('close', () => {
      this.#deliveries.delete(delivery)
      delivery.close()
    })
  }
}

/** One predecessor's connection to us. */
class Delivery {
  readonly #calls: DescriptorCalls
  readonly #socket: net.Socket
  readonly #adopter: Adopter
  /** A copy for recvmsg(2): libuv lets a descriptor be watched by one handle only. */
  readonly #fd: number
  readonly #poll: { close(): void; unref(): void }
  readonly #lines = new LineSplitter()
  readonly #decoder = new StringDecoder('utf8')
  /** The descriptors of the batches whose line is not complete yet. */
  readonly #arrived: number[][] = []
  #open = true

  constructor(koffi: Koffi, socket: net.Socket, fd: number, adopter: Adopter) {
    this.#calls = descriptorCalls(koffi)
    this.#socket = socket
    this.#adopter = adopter
    this.#fd = this.#calls.duplicate(fd)
    // The callback runs outside of Node's own: an exception in it would be lost.
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
    batch.moved.forEach((about, index) => {
      const fd = fds[index]
      if (fd !== undefined && this.#adopter.take(about, fd)) return
      refused.push(index)
    })
    this.#adopter.batchTaken()
    const acknowledgement: Acknowledgement = { batch: batch.batch, refused }
    this.#socket.write(JSON.stringify(acknowledgement) + '\n')
  }
}

/** 800 connections take a few milliseconds; between the turns requests are served. */
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
