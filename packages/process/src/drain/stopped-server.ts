import net from 'node:net'
import { endsWithDrain } from '../connections/http1.js'

/** A server that accepts no more, although the application has not closed it. */
export class StoppedServer {
  readonly #server: net.Server
  readonly #emits: (asked: boolean) => boolean
  readonly #emit: (...args: unknown[]) => boolean
  #asked = false
  /** Its last connection has ended. */
  #ended = false
  /** 'close' is emitted, or about to be. */
  #emitted = false

  /**
   * Not with `http.Server.close()`: that closes idle connections, and on Node 26 those that were accepted just now,
   * before they could send their request. `emits`: whether a server that has ended emits 'close'.
   */
  constructor(server: net.Server, emits: (asked: boolean) => boolean) {
    this.#server = server
    this.#emits = emits
    this.#emit = Reflect.get(server, 'emit') as (...args: unknown[]) => boolean
    const address = server.address()
    server.emit = (...args: unknown[]) =>
      this.#emitted || args[0] !== 'close' ? this.#pass(args) : this.#end()
    net.Server.prototype.close.call(server)
    endsWithDrain(server)
    server.close = (callback) => this.#close(callback)
    server.address = () => (this.#asked ? net.Server.prototype.address.call(server) : address)
    Object.defineProperty(server, 'listening', {
      configurable: true,
      get: () => !this.#asked || Reflect.get(net.Server.prototype, 'listening', server),
    })
  }

  /** Whether the application has called `close()`. */
  get asked(): boolean {
    return this.#asked
  }

  emitIfDue(): void {
    if (!this.#emitted && this.#ended && this.#emits(this.#asked)) this.#emitClose()
  }

  #emitClose(): void {
    this.#emitted = true
    process.nextTick(() => this.#pass(['close']))
  }

  #pass(args: unknown[]): boolean {
    return this.#emit.apply(this.#server, args)
  }

  #end(): boolean {
    this.#ended = true
    this.emitIfDue()
    return this.#server.listenerCount('close') > 0
  }

  /** As in Node: the callback of a later call gets an error, and every call after the end emits 'close'. */
  #close(callback: ((error?: Error) => void) | undefined): net.Server {
    const error = this.#asked ? notRunning() : undefined
    this.#asked = true
    if (callback !== undefined)
      this.#server.once('close', () => (error === undefined ? callback() : callback(error)))
    if (this.#emitted) this.#emitClose()
    else this.emitIfDue()
    return this.#server
  }
}

function notRunning(): Error {
  return Object.assign(new Error('Server is not running.'), { code: 'ERR_SERVER_NOT_RUNNING' })
}
