import net from 'node:net'
import type { Connection } from '../connections/connection.js'
import { maxDescriptors, type DescriptorCalls } from '../system/descriptors.js'
import { LineSplitter } from '#shared/lines.js'
import type { Acknowledgement, Batch, Greeting, MovedConnection } from '../protocol/moves.js'

/** A connection and its record for the successor. */
export interface OutgoingConnection {
  connection: Connection
  fd: number
  record: MovedConnection
}

export interface SuccessorObserver {
  /** The successor has them now. */
  taken(connections: Connection[]): void
  /** They did not arrive, or were refused: this process still has them. */
  refused(connections: Connection[], successor: Successor): void
  /** It may have room for more connections. */
  schedule(): void
}

/** The link to one instance that receives connections. If it breaks, unacknowledged connections come back. */
export class Successor {
  readonly path: string
  /** Resolves when the instance has answered, or cannot be reached. */
  readonly reached: Promise<void>
  /** How many connections it has: its own number at first, plus what was sent since. */
  open = 0
  #greeting: Greeting | null = null
  readonly #calls: DescriptorCalls
  readonly #observer: SuccessorObserver
  readonly #socket: net.Socket & { _handle?: { fd: number } | null }
  readonly #inFlight = new Map<number, Connection[]>()
  #batches = 0
  #retry: NodeJS.Timeout | null = null

  constructor(path: string, calls: DescriptorCalls, observer: SuccessorObserver) {
    this.path = path
    this.#calls = calls
    this.#observer = observer
    this.#socket = net.connect(path).setEncoding('utf8').unref()
    const lines = new LineSplitter()
    this.reached = new Promise((resolve) => {
      this.#socket.on('data', (chunk) => {
        for (const line of lines.push(String(chunk))) this.#receive(line)
        resolve()
      })
      this.#socket.on('error', () => {})
      this.#socket.on('end', () => this.#socket.destroy())
      this.#socket.on('close', () => {
        this.#broken()
        resolve()
      })
    })
  }

  get broken(): boolean {
    return this.#socket.destroyed
  }

  /** Its greeting. Null before it has arrived. */
  get greeting(): Greeting | null {
    return this.#greeting
  }

  /** Whether it can receive a batch now. */
  get free(): boolean {
    const room = this.#retry === null && this.#inFlight.size < window && this.#socket.writableLength === 0
    return this.#greeting !== null && !this.broken && room
  }

  /** Sends the first connections, as many as fit into one message. Returns those that were sent. */
  send(outgoing: OutgoingConnection[]): Connection[] {
    if (outgoing.length === 0) return []
    const carried = outgoing.slice(0, maxDescriptors)
    const batch: Batch = { version: 1, batch: ++this.#batches, moved: carried.map(({ record }) => record) }
    const line = Buffer.from(JSON.stringify(batch) + '\n')
    const bytes = this.#write(
      line,
      carried.map(({ fd }) => fd),
    )
    if (bytes === 0) return []
    if (bytes < line.length) this.#socket.write(line.subarray(bytes))
    const connections = carried.map(({ connection }) => connection)
    this.#inFlight.set(batch.batch, connections)
    this.open += connections.length
    return connections
  }

  close(): void {
    this.#socket.destroy()
  }

  #write(line: Buffer, fds: number[]): number {
    try {
      const bytes = this.#calls.send(this.#socket._handle?.fd ?? -1, line, fds)
      if (bytes === 0) this.#retryLater()
      return bytes
    } catch {
      this.#socket.destroy() // the peer has closed; 'close' follows
      return 0
    }
  }

  #retryLater(): void {
    this.#retry ??= setTimeout(() => this.#tryAgain(), retryMs)
  }

  #tryAgain(): void {
    if (this.#retry !== null) clearTimeout(this.#retry)
    this.#retry = null
    this.#observer.schedule()
  }

  #receive(line: string): void {
    const message = parse(line)
    if (message?.version === 1 && typeof message.open === 'number' && this.#greeting === null) {
      this.#greeting = { ...message, version: 1, open: message.open }
      this.open = message.open
    } else if (typeof message?.batch === 'number' && Array.isArray(message.refused)) {
      this.#acknowledged({ batch: message.batch, refused: message.refused })
    } else this.#socket.destroy() // not a message of this protocol
  }

  #acknowledged(acknowledgement: Acknowledgement): void {
    const connections = this.#inFlight.get(acknowledgement.batch) ?? []
    this.#inFlight.delete(acknowledgement.batch)
    const refused = new Set(acknowledgement.refused)
    this.#observer.taken(connections.filter((_, index) => !refused.has(index)))
    if (refused.size > 0)
      this.#observer.refused(
        connections.filter((_, index) => refused.has(index)),
        this,
      )
    // Looking for idle connections costs time for each open one, so it is not done after every batch.
    if (this.#inFlight.size <= window / 2) this.#tryAgain()
  }

  #broken(): void {
    if (this.#retry !== null) clearTimeout(this.#retry)
    const lost = [...this.#inFlight.values()].flat()
    this.#inFlight.clear()
    this.#observer.refused(lost, this)
  }
}

/** Unacknowledged batches per successor: 16 of 200 connections keep both sides busy, and its queue short. */
const window = 16
const retryMs = 5

function parse(line: string): Partial<Acknowledgement & Greeting> | null {
  try {
    return JSON.parse(line) as Partial<Acknowledgement & Greeting> | null
  } catch {
    return null
  }
}
