import net from 'node:net'
import {
  protocolVersion,
  type InstanceMessage,
  type SuccessorMessage,
  type SupervisorMessage,
} from '../protocol/messages.js'

/**
 * Our end of the supervisor's socket: JSON lines, reconnecting. It never keeps the process alive, and a
 * supervisor that is not there, or talks nonsense, never disturbs the service.
 */
export class Channel {
  readonly #path: string
  readonly #hello: InstanceMessage
  readonly #hear: (message: SupervisorMessage) => void
  /** What a supervisor must know that starts to listen in the middle: said again on each new connection. */
  readonly #standing: SuccessorMessage[] = []
  #socket: net.Socket | null = null
  #connected = false
  #closed = false
  #retryMs = firstRetryMs
  readonly #gone: (() => void) | undefined

  /** `gone`: called when the other end is gone for good. Without it, somebody else will listen there again. */
  constructor(
    path: string,
    hello: InstanceMessage,
    hear: (message: SupervisorMessage) => void,
    gone?: () => void,
  ) {
    this.#path = path
    this.#hello = hello
    this.#hear = hear
    this.#gone = gone
    this.#connect()
  }

  /** Some replace the one before, some are of the moment; every other message stands for good. */
  send(message: SuccessorMessage): void {
    if (momentary.has(message.type)) return this.#connected ? this.#write(message) : undefined
    if (replacing.has(message.type)) {
      const index = this.#standing.findIndex(({ type }) => type === message.type)
      if (index !== -1) this.#standing.splice(index, 1)
    }
    this.#standing.push(message)
    if (this.#connected) this.#write(message)
  }

  /** Resolves when all is written, or cannot be; within half a second in any case. */
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
    this.#socket?.end()
  }

  #connect(): void {
    const socket = net.connect(this.#path)
    this.#socket = socket
    socket.unref()
    socket.setEncoding('utf8')
    socket.on('connect', () => {
      this.#connected = true
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

  #reconnect(): void {
    this.#connected = false
    this.#socket = null
    if (this.#closed) return
    if (this.#gone !== undefined) {
      this.#closed = true
      return this.#gone()
    }
    setTimeout(() => this.#closed || this.#connect(), this.#retryMs).unref()
    this.#retryMs = Math.min(this.#retryMs * 2, lastRetryMs)
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
        if (Array.isArray(message.sockets)) this.#hear(message)
        return
      case 'ticketKeys':
        if (typeof message.keys === 'string') this.#hear(message)
        return
      case 'refused':
        return this.#hear(message)
      case 'takeOver':
        if (Array.isArray(message.draining)) this.#hear(message)
        return
      case 'exec':
        this.#hear(message)
        return
      case 'welcome':
      // An error is never answered: two ends that answer each other's errors would not stop.
      // eslint-disable-next-line no-fallthrough
      case 'error':
        return
      default: {
        const { type } = message as { type: string }
        return this.#write({
          type: 'error',
          message: `Unknown message type "${type}", version ${protocolVersion} of the protocol is spoken`,
          unknown: type,
        })
      }
    }
  }
}

const replacing = new Set<SuccessorMessage['type']>(['status', 'account', 'adopts'])
const momentary = new Set<SuccessorMessage['type']>(['executing', 'execFailed'])
const firstRetryMs = 50
/** A supervisor that is started again waits for us for a second: it has something to say before it goes on. */
const lastRetryMs = 250
const flushMs = 500
/** No message is longer; a peer that sends no line end does not get to fill our memory. */
const longestLine = 64 * 1024

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
  let rest = ''
  let skipping = false
  return (chunk) => {
    const parts = (rest + chunk).split('\n')
    rest = parts.pop() ?? ''
    for (const part of parts) {
      if (!skipping && part !== '') onLine(part)
      skipping = false
    }
    if (rest.length <= longestLine) return
    rest = ''
    if (!skipping) onLine(null)
    skipping = true
  }
}
