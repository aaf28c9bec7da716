import http from 'node:http'
import net from 'node:net'
import { originalListen } from '../node/original-listen.js'
import { isClusterWorker } from '../announce/cluster-worker.js'
import type { Environment } from '../protocol/environment.js'
import { OptionError } from '../protocol/errors.js'
import type { Probes } from './handlers.js'

export interface ProbeAddress {
  port: number
  host?: string
}

/**
 * The option, else HANDOVER_PROBES_PORT. Null if neither is set, and in a node:cluster worker: the primary answers.
 *
 * @throws OptionError when the port is not one.
 */
export function probeAddress(
  option: ProbeAddress | undefined,
  environment: Environment,
): ProbeAddress | null {
  if (isClusterWorker()) return null
  const { HANDOVER_PROBES_PORT: variable } = environment
  if (option === undefined && variable === undefined) return null
  const [name, value] =
    option === undefined ? ['HANDOVER_PROBES_PORT', variable] : ['probes.port', option.port]
  const port = value === '' ? NaN : Number(value)
  if (Number.isInteger(port) && port >= 1 && port <= 65535) return { ...option, port }
  throw new OptionError(`${name} is "${value}", wanted a port from 1 to 65535`)
}

/**
 * Serves the probes on a separate port, at the same paths as the servers of Kubernetes. It is not one of the service's
 * servers: its connections are in no account, no drain waits for them, and it does not keep the process alive.
 */
export class ProbeServer {
  readonly #address: ProbeAddress | null
  readonly #probes: Probes
  readonly #failed: (message: string) => void
  readonly #retries: boolean
  #server: http.Server | null = null

  /**
   * `failed` gets a sentence if the port cannot be bound. `retries`: try again while the port is in use, because a
   * predecessor may still have it. Default: false.
   */
  constructor(
    address: ProbeAddress | null,
    probes: Probes,
    failed: (message: string) => void,
    retries = false,
  ) {
    this.#retries = retries
    this.#address = address
    this.#probes = probes
    this.#failed = failed
  }

  /** Does nothing if it is open. */
  open(): void {
    if (this.#address === null || this.#server !== null) return
    const { port } = this.#address
    // A child would inherit the variable, and its port would be in use.
    delete process.env.HANDOVER_PROBES_PORT
    this.#server = http.createServer((request, response) => this.#answer(request, response))
    this.#server.on('connection', (socket) => socket.unref())
    const listen = (): void => {
      if (this.#server === null) return
      originalListen.call(this.#server, { ...this.#address })
      this.#server.unref()
    }
    this.#server.on('error', (error: NodeJS.ErrnoException) => {
      if (this.#retries && error.code === 'EADDRINUSE') setTimeout(listen, retryMs).unref()
      else this.#failed(`The probes cannot listen on port ${port}: ${error.message}`)
    })
    listen()
  }

  close(): void {
    if (this.#server === null) return
    net.Server.prototype.close.call(this.#server)
    this.#server.closeAllConnections()
    this.#server = null
  }

  #answer(request: http.IncomingMessage, response: http.ServerResponse): void {
    const [path] = (request.url ?? '').split('?')
    const { live, ready, startup } = this.#probes
    if (path === '/livez') return live(request, response)
    if (path === '/readyz') return ready(request, response)
    if (path === '/startupz') return startup(request, response)
    response.statusCode = 404
    response.setHeader('Content-Type', 'text/plain')
    response.end('Not found, wanted /livez, /readyz or /startupz\n')
  }
}

/** The longest time without an answer after the predecessor has closed its port. Kubelet's default period is 10 s. */
const retryMs = 50
