import net from 'node:net'
import path from 'node:path'
import { originalListen } from '../node/original-listen.js'
import { LineSplitter } from '#shared/lines.js'
import {
  protocolVersion,
  type InstanceMessage,
  type SuccessorMessage,
  type SupervisorMessage,
} from '../protocol/messages.js'
import { makeFolder, removeFolder } from '../system/folder.js'

/**
 * The predecessor's end of the connection to its successor. Until the successor is ready, the predecessor is its
 * supervisor: the successor's library sends the same messages as to any supervisor (messages.ts).
 */
export class Link {
  /** Path of the unix socket to which the successor connects. */
  readonly path: string
  readonly #server: net.Server
  readonly #received: SuccessorMessage[] = []
  readonly #watchers = new Set<() => void>()
  #socket: net.Socket | null = null
  #closed = false
  /** Set to be called with every message from now on. */
  heard: (message: SuccessorMessage) => void = () => {}

  private constructor(server: net.Server, socketPath: string) {
    this.#server = server
    this.path = socketPath
    server
      .unref()
      .on('error', () => {})
      .on('connection', (socket) => this.#connected(socket))
  }

  /** Opens the socket in a new folder, which `close()` removes. Rejects with the system's error. */
  static async open(): Promise<Link> {
    const socketPath = path.join(await makeFolder(), 'link.sock')
    const server = net.createServer()
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject).once('listening', () => resolve())
        originalListen.call(server, { path: socketPath })
      })
    } catch (error) {
      removeFolder(path.dirname(socketPath))
      throw error
    }
    return new Link(server, socketPath)
  }

  /** The latest message of that type. */
  last<T extends SuccessorMessage['type']>(type: T): Extract<SuccessorMessage, { type: T }> | undefined {
    return this.#received.findLast(
      (message): message is Extract<SuccessorMessage, { type: T }> => message.type === type,
    )
  }

  /** Resolves once the condition holds, or no more messages can come. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition() && !this.#closed) {
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#watchers.delete(wake)
          resolve()
        }
        this.#watchers.add(wake)
      })
    }
  }

  say(message: SupervisorMessage): void {
    this.#socket?.write(JSON.stringify(message) + '\n')
  }

  close(): void {
    this.#closed = true
    net.Server.prototype.close.call(this.#server)
    this.#socket?.destroy()
    removeFolder(path.dirname(this.path))
    this.#wake()
  }

  #connected(socket: net.Socket): void {
    if (this.#socket !== null) return void socket.destroy()
    this.#socket = socket
    const lines = new LineSplitter()
    socket.unref().setEncoding('utf8')
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      for (const line of lines.push(String(chunk))) this.#receive(line)
    })
    socket.on('close', () => {
      this.#closed = true
      this.#wake()
    })
    this.say({ type: 'welcome', version: protocolVersion, instance: String(process.pid), revision: 0 })
  }

  #receive(line: string): void {
    const message = parse(line)
    if (message === null) return
    // Each message replaces the one of the same type before it.
    const same = this.#received.findIndex(({ type }) => type === message.type)
    if (same !== -1) this.#received.splice(same, 1)
    this.#received.push(message)
    this.heard(message)
    this.#wake()
  }

  #wake(): void {
    for (const wake of [...this.#watchers]) wake()
  }
}

function parse(line: string): SuccessorMessage | null {
  try {
    const message = JSON.parse(line) as InstanceMessage | null
    return typeof message?.type === 'string' ? message : null
  } catch {
    return null
  }
}
