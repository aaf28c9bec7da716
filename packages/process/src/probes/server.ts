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

/** @throws OptionError when the port is none. */
export function probeAddress(
  option: ProbeAddress | undefined,
  environment: Environment,
): ProbeAddress | null {
  if (isClusterWorker()) return null // the primary answers for all
  const { HANDOVER_PROBES_PORT: variable } = environment
  if (option === undefined && variable === undefined) return null
  const [name, value] =
    option === undefined ? ['HANDOVER_PROBES_PORT', variable] : ['probes.port', option.port]
  const port = value === '' ? NaN : Number(value)
  if (Number.isInteger(port) && port >= 1 && port <= 65535) return { ...option, port }
  throw new OptionError(`${name} is "${value}", a port from 1 to 65535 was expected`)
}

/**
 * The probes on a port of their own, by the names that Kubernetes' own servers give them. It is not one of the
 * service's servers: its connections are in no account, no drain waits for them, and it keeps no process alive.
 */
export class ProbeServer {
  readonly #address: ProbeAddress | null
  readonly #probes: Probes
  readonly #failed: (message: string) => void
  readonly #patient: boolean
  #server: http.Server | null = null

  /** `patient`: a predecessor may still have the port; it is tried again until that is gone. */
  constructor(
    address: ProbeAddress | null,
    probes: Probes,
    failed: (message: string) => void,
    patient = false,
  ) {
    this.#patient = patient
    this.#address = address
    this.#probes = probes
    this.#failed = failed
  }

  /** Called again, it does nothing. */
  open(): void {
    if (this.#address === null || this.#server !== null) return
    const { port } = this.#address
    // Our children inherit the variable, and would find the port in use.
    delete process.env.HANDOVER_PROBES_PORT
    this.#server = http.createServer((request, response) => this.#answer(request, response))
    this.#server.on('connection', (socket) => socket.unref())
    const listen = (): void => {
      if (this.#server === null) return
      originalListen.call(this.#server, { ...this.#address })
      this.#server.unref()
    }
    this.#server.on('error', (error: NodeJS.ErrnoException) => {
      if (this.#patient && error.code === 'EADDRINUSE') setTimeout(listen, againMs).unref()
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
    response.end('/livez, /readyz and /startupz are here\n')
  }
}

/** For so long at most nobody answers when the predecessor has gone; kubelet asks once in some seconds. */
const againMs = 50
