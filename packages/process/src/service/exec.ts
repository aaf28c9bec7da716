import type net from 'node:net'
import type { Announcer } from '../announce/announcer.js'
import type { ExecSteps } from '../in-place/attempt.js'
import { InPlaceExec, type ExecSettings } from '../in-place/exec.js'
import type { ImageOptions } from '../in-place/image.js'
import { boundName } from '../listeners/bound-name.js'
import { descriptorOf } from '../node/handle.js'
import { HandoverError, messageOf } from '../protocol/errors.js'
import type { Hook } from '../protocol/lifecycle.js'
import { allWithin } from '../system/waiting.js'
import type { Servers } from './servers.js'
import type { Traffic } from './traffic.js'

export interface ServiceExecSettings extends ExecSettings {
  /** False if the application keeps state with its connections: then none is carried over. */
  carriesConnections: boolean
  /** How many programs this process has run before. */
  generation: number
  warn(message: string): void
}

/** The replacement of the program of this process, as far as the service takes part in it. */
export class ServiceExec {
  readonly before: Hook[] = []
  readonly #traffic: Traffic
  readonly #servers: Servers
  readonly #announcer: Announcer
  readonly #settings: ServiceExecSettings
  readonly #exec: InPlaceExec

  constructor(traffic: Traffic, servers: Servers, announcer: Announcer, settings: ServiceExecSettings) {
    this.#traffic = traffic
    this.#servers = servers
    this.#announcer = announcer
    this.#settings = settings
    const { connections, lastRequests } = traffic
    this.#exec = new InPlaceExec(connections, lastRequests, announcer, this.#steps(), settings)
  }

  /** See `Service.exec()`. */
  async run(options: ImageOptions): Promise<never> {
    if (this.#traffic.hasWorkers)
      throw new HandoverError(
        'ERR_HANDOVER_EXEC_UNAVAILABLE',
        'A node:cluster primary cannot exec(): its workers would be lost',
      )
    return this.#exec.exec(options)
  }

  /** Called when a drain begins, which has precedence. */
  abandon(): void {
    this.#exec.abandon()
  }

  #steps(): ExecSteps {
    const { carriesConnections, generation } = this.#settings
    return {
      carriesConnections,
      generation,
      listeners: () => this.#listeners(),
      nameOf: (server) => this.#nameOf(server),
      beforeExec: (carried, waiting) => this.#beforeExec(carried, waiting),
    }
  }

  #listeners(): { name: string; fd: number }[] {
    const boundHere = [...this.#traffic.connections.servers]
      .filter((server) => !this.#servers.listeners.adopted.has(server))
      .map((server) => ({ name: this.#nameOf(server), fd: descriptorOf(server) }))
      .filter(({ fd }) => fd >= 0)
    return [...this.#servers.passed.inherited(), ...boundHere]
  }

  #nameOf(server: net.Server): string {
    return this.#servers.nameOf(server) ?? boundName(server.address() ?? 'closed')
  }

  async #beforeExec(carried: number, waiting: number): Promise<void> {
    await allWithin(
      hooksMs,
      this.before.map((hook) => () => hook('exec')),
      (error) => this.#settings.warn(`A hook of onBeforeExec() threw: ${messageOf(error)}`),
    )
    const { account } = this.#traffic.connections
    const accepted = account.accepted + waiting
    const handedOver = account.handedOver + carried
    const open = account.open - (carried - waiting)
    this.#announcer.say({
      type: 'executing',
      account: { ...account, accepted, handedOver, open, active: 0 },
    })
    await this.#announcer.flush()
  }
}

/** Milliseconds. Every client waits meanwhile. */
const hooksMs = 1000
