import { LineSplitter } from '#shared/lines.js'
import net from 'node:net'
import {
  protocolVersion,
  type InstanceMessage,
  type SuccessorMessage,
  type SupervisorMessage,
} from '../protocol/messages.js'

/**
 * The instance's end of the supervisor's socket: JSON lines. It reconnects, and does not keep the process alive. An
 * absent supervisor, or one that sends invalid lines, does not affect the service.
 */
export class Channel {
  readonly #path: string
  readonly #hello: InstanceMessage
  readonly #onMessage: (message: SupervisorMessage) => void
  /** Sent again on each new connection: a restarted supervisor needs them. */
  readonly #standing: SuccessorMessage[] = []
  #socket: net.Socket | null = null
  #connected = false
  #closed = false
  #retryMs = firstRetryMs
  readonly #onGone: (() => void) | undefined
  /** Set to be called when there was no connection for `lostMs`. */
  onLost: () => void = () => {}
  #lost: NodeJS.Timeout | null = null

  /** `onGone`: called when the other end has closed, instead of reconnecting. */
  constructor(
    path: string,
    hello: InstanceMessage,
    onMessage: (message: SupervisorMessage) => void,
    onGone?: () => void,
  ) {
    this.#path = path
    this.#hello = hello
    this.#onMessage = onMessage
    this.#onGone = onGone
    this.#connect()
  }

  /**
   * Sends now if connected, and again on each later connection. A message whose type is in `replacing` replaces the
   * last one of that type. One whose type is in `momentary` is sent once, and only if connected.
   */
  send(message: SuccessorMessage): void {
    if (message.type === 'closed') this.#forget(message)
    if (momentary.has(message.type)) return this.#connected ? this.#write(message) : undefined
    if (replacing.has(message.type)) {
      const index = this.#standing.findIndex(({ type }) => type === message.type)
      if (index !== -1) this.#standing.splice(index, 1)
    }
    this.#standing.push(message)
    if (this.#connected) this.#write(message)
  }

  /** A server that has closed is not reported on later connections. */
  #forget({ address, listener }: Extract<SuccessorMessage, { type: 'closed' }>): void {
    const index = this.#standing.findIndex(
      (message) =>
        message.type === 'listening' && message.address === address && message.listener === listener,
    )
    if (index !== -1) this.#standing.splice(index, 1)
  }

  /** Resolves when everything was written, when that is impossible, or after half a second. */
  async flush(): Promise<void> {
    const socket = this.#socket
    if (socket === null || this.#closed) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, flushMs)
      const done = () => {
        clearTimeout(timer)
        resolve()
      }
      socket.once('close', done)
      socket.write('', done)
    })
  }

  close(): void {
    this.#closed = true
    this.#found()
    this.#socket?.end()
  }

  #connect(): void {
    const socket = net.connect(this.#path)
    this.#socket = socket
    this.#lost ??= setTimeout(() => this.onLost(), lostMs).unref()
    socket.unref()
    socket.setEncoding('utf8')
    socket.on('connect', () => {
      this.#connected = true
      this.#found()
      this.#retryMs = firstRetryMs
      for (const message of [this.#hello, ...this.#standing]) this.#write(message)
    })
    socket.on(
      'data',
      lineReader((line) => this.#receive(line)),
    )
    socket.on('error', () => {})
    socket.on('close', () => this.#reconnect())
  }

  #found(): void {
    if (this.#lost !== null) clearTimeout(this.#lost)
    this.#lost = null
  }

  #reconnect(): void {
    this.#connected = false
    this.#socket = null
    if (this.#closed) return
    if (this.#onGone !== undefined) {
      this.#closed = true
      return this.#onGone()
    }
    setTimeout(() => this.#closed || this.#connect(), this.#retryMs).unref()
    this.#retryMs = Math.min(this.#retryMs * 2, maxRetryMs)
  }

  #write(message: SuccessorMessage): void {
    this.#socket?.write(JSON.stringify(message) + '\n')
  }

  #receive(line: string | null): void {
    const message = line === null ? null : parse(line)
    if (message === null) {
      return this.#write({ type: 'error', message: 'A line was received that is not a message' })
    }
    switch (message.type) {
      case 'successors':
        if (Array.isArray(message.sockets)) this.#onMessage(message)
        return
      case 'accept':
        if (typeof message.accepting === 'boolean') this.#onMessage(message)
        return
      case 'withdraw':
        if (Array.isArray(message.listeners)) this.#onMessage(message)
        return
      case 'ticketKeys':
        if (typeof message.keys === 'string') this.#onMessage(message)
        return
      case 'refused':
      case 'renewSockets':
        return this.#onMessage(message)
      case 'takeOver':
        if (Array.isArray(message.draining)) this.#onMessage(message)
        return
      case 'exec':
        this.#onMessage(message)
        return
      case 'welcome':
        return this.#onMessage(message)
      case 'listener':
        return
      // It gets no answer: two ends would answer each other's errors without end.
      case 'error':
        return
      default: {
        const { type } = message as { type: string }
        return this.#write({
          type: 'error',
          message: `The message type "${type}" is unknown in version ${protocolVersion} of the protocol`,
          unknown: type,
        })
      }
    }
  }
}

const replacing = new Set<SuccessorMessage['type']>(['status', 'account', 'adopts', 'bound', 'accepting'])
const momentary = new Set<SuccessorMessage['type']>(['executing', 'execFailed', 'closed'])
const firstRetryMs = 50
/** A restarted supervisor waits one second for its instances to connect before it continues. */
const maxRetryMs = 250
const flushMs = 500
/** Milliseconds. A supervisor that is restarted by hand is back by then. */
const lostMs = 10_000
/** Characters. Limits the memory for a peer that never sends a newline. */
const maxLineLength = 64 * 1024

function parse(line: string): SupervisorMessage | null {
  try {
    const message = JSON.parse(line) as SupervisorMessage | null
    return typeof message === 'object' && typeof message?.type === 'string' ? message : null
  } catch {
    return null
  }
}

/** Calls back with each line, and with null for one that is too long. */
function lineReader(onLine: (line: string | null) => void): (chunk: string) => void {
  const lines = new LineSplitter()
  let skipping = false
  return (chunk) => {
    for (const line of lines.push(chunk)) {
      if (!skipping && line !== '') onLine(line)
      skipping = false
    }
    if (lines.rest.length <= maxLineLength) return
    lines.drop()
    if (!skipping) onLine(null)
    skipping = true
  }
}
