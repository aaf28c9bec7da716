import fs from 'node:fs'
import type net from 'node:net'
import type { Announcer, Mode } from '../announce/announcer.js'
import { isClusterWorker } from '../announce/cluster-worker.js'
import type { Environment } from '../protocol/environment.js'
import type { InheritedListener } from '../listeners/inherited.js'
import { HandoverError } from '../protocol/errors.js'
import type { DrainReport, ServiceState } from '../protocol/lifecycle.js'
import { loadKoffi } from '../system/koffi.js'
import type { SupervisorMessage } from '../protocol/messages.js'
import type { Candidate } from './candidate.js'
import type { AloneSettings } from './options.js'
import { PassedListeners } from '../listeners/passed-listeners.js'
import { PidFile } from './pid-file.js'
import type { UpgradeReceipt } from './receipt.js'
import { checkReusePort } from '../listeners/reuse-port.js'
import { Steering } from './steering.js'
import type { UpgradeStrategy } from '../protocol/upgrade-strategy.js'
import { take, type Taken } from './take.js'
import { TakeoverSocket } from './takeover-socket.js'
import { closeAndKeepPath } from '../listeners/unix-path.js'
import { Upgrades, type UpgradeHost } from './upgrades.js'

/** As much of the service as its replacement needs: its state, its end, and its events. */
export interface ReplaceableService {
  readonly state: ServiceState
  drain(reason: string): Promise<DrainReport>
  emit(event: 'upgrading', pid: number): boolean
  emit(event: 'upgraded', receipt: UpgradeReceipt): boolean
  emit(event: 'upgradeFailed', error: HandoverError): boolean
  once(event: 'draining', listener: (reason: string) => void): unknown
  off(event: 'draining', listener: (reason: string) => void): unknown
}

/** What a service lends for it. */
export interface Means {
  mode: Mode
  announcer: Announcer
  environment: Environment
  inherited: readonly InheritedListener[]
  taken: Taken | null
  settings: AloneSettings
  drainMs: number
  /** Connections move to whoever adopts at these paths. */
  follow(paths: string[]): void
  ticketKeys(): string | null
  warn(message: string): void
}

/** Everything that a service does which nobody supervises: it replaces itself, and says in a file who it is. */
export class Alone {
  readonly listeners: PassedListeners
  readonly strategy: UpgradeStrategy
  readonly #steering = new Steering()
  readonly #upgrades: Upgrades
  readonly #pidFile: PidFile | null
  readonly #means: Means
  readonly #service: ReplaceableService
  #offer: TakeoverSocket | null = null
  /** A successor at `takeover` is given the listeners, whatever the strategy is. */
  #shared = false

  /** @throws HandoverError `ERR_HANDOVER_PID_FILE` */
  constructor(service: ReplaceableService, means: Means) {
    const { environment, inherited, settings, warn } = means
    this.#service = service
    this.#means = means
    this.#pidFile = settings.pidFile === null ? null : new PidFile(settings.pidFile, warn)
    this.strategy = environment.HANDOVER_SOCKET === undefined ? settings.strategy : 'inherit'
    if (this.strategy === 'reusePort') checkReusePort()
    this.listeners = new PassedListeners(inherited)
    this.#upgrades = new Upgrades(hostOf(service, this.listeners, means), settings)
    // Where there is a predecessor, the file is its own until it steps back.
    if (environment.HANDOVER_PREDECESSOR === undefined) this.#pidFile?.write()
  }

  /** Somebody serves in our place: nobody has to be told to go there, as the listeners are the same. */
  get replaced(): boolean {
    return this.#upgrades.committed
  }

  /** What is bound here may be a successor's as well. */
  get passes(): boolean {
    const { environment, mode, settings } = this.#means
    if (isClusterWorker()) return false // its primary binds
    const asked = mode === 'library' || settings.signal !== null || settings.takeover !== null
    return asked && this.strategy === 'inherit' && environment.HANDOVER_SOCKET === undefined
  }

  /** What was bound here is a successor's as well. */
  get left(): boolean {
    return this.replaced && (this.strategy === 'inherit' || this.#shared)
  }

  /** By our own command line. */
  upgrade(): Promise<UpgradeReceipt> {
    return this.#replace(async (predecessor) => {
      if (this.strategy === 'reusePort')
        await this.#steering.prepare(
          this.listeners.servers(),
          this.#means.drainMs,
          () => this.#upgrades.earlierDrain,
        )
      const passed = this.strategy === 'inherit' ? this.listeners.list() : this.listeners.inherited()
      return this.#upgrades.startChild(passed, predecessor)
    }, this.strategy === 'recreate')
  }

  /** Runs `close`, after which our successor, if there is one, can still be found at the path of a unix socket. */
  keepingPath(server: net.Server, close: () => void): void {
    if (this.left && this.listeners.nameOf(server) !== undefined) closeAndKeepPath(server, close)
    else close()
  }

  /** Before our listeners close in favour of others on the same port. Null: they are the successor's as well. */
  emptyQueues(accepted: () => number, mostMs: number): Promise<void> | null {
    const beside = this.strategy === 'reusePort' && this.replaced && !this.#shared
    return beside ? this.#steering.empty(this.listeners.servers(), accepted, mostMs) : null
  }

  ready(): void {
    if (this.#means.environment.HANDOVER_PREDECESSOR === undefined) this.#openOffer()
  }

  hear(message: SupervisorMessage): void {
    const { taken, warn } = this.#means
    if (message.type === 'refused' && taken !== null) {
      warn(`The service goes on without this process: ${message.message}`)
      process.kill(process.pid, 'SIGTERM') // what was accepted here is answered
    }
    if (message.type !== 'takeOver') return
    this.#upgrades.follow(message.draining)
    this.#pidFile?.rewrite()
    this.#openOffer()
    if (taken !== null) fs.closeSync(taken.connection)
  }

  /** Another copy of this library is in charge from now on. */
  retire(): void {
    this.#offer?.close()
  }

  close(): void {
    this.#offer?.close()
    if (this.replaced) return
    this.#pidFile?.remove()
    this.listeners.removePaths()
  }

  #openOffer(): void {
    const { environment, settings, warn } = this.#means
    const koffi = settings.takeover === null || environment.HANDOVER_SOCKET !== undefined ? null : loadKoffi()
    if (koffi === null || settings.takeover === null || this.#offer !== null) return
    this.#offer = new TakeoverSocket(koffi, {
      path: settings.takeover,
      listeners: () => this.listeners.list(),
      takeover: (start) => {
        this.#shared = true
        return this.#replace(start).finally(() => (this.#shared = this.replaced))
      },
      failed: warn,
    })
  }

  async #replace(
    start: (predecessor: string) => Promise<Candidate>,
    recreate = false,
  ): Promise<UpgradeReceipt> {
    const receipt = await this.#upgrades.to(start, recreate)
    this.#service.emit('upgraded', receipt)
    return receipt
  }
}

/**
 * The listeners of whoever serves at the `takeover` path now; null where nobody does, or nobody is to be asked.
 *
 * @throws HandoverError `ERR_HANDOVER_TAKEOVER`
 */
export function takeOver({ takeover }: AloneSettings, environment: Environment): Taken | null {
  const { HANDOVER_PREDECESSOR, HANDOVER_SOCKET } = environment
  if (takeover === null || HANDOVER_SOCKET !== undefined) return null
  const koffi = loadKoffi()
  if (koffi === null) {
    throw new HandoverError(
      'ERR_HANDOVER_TAKEOVER',
      `takeover is "${takeover}", which needs the package koffi: Node can neither pass descriptors nor ask who the peer is`,
    )
  }
  const taken = HANDOVER_PREDECESSOR === undefined ? take(koffi, takeover) : null
  if (taken !== null) environment.HANDOVER_PREDECESSOR = taken.predecessor
  return taken
}

function hostOf(service: ReplaceableService, listeners: PassedListeners, means: Means): UpgradeHost {
  return {
    announcer: means.announcer,
    environment: means.environment,
    drainMs: means.drainMs,
    state: () => service.state,
    ticketKeys: means.ticketKeys,
    leaving: (signal) =>
      new Promise((resolve) => {
        service.once('draining', resolve)
        signal.addEventListener('abort', () => service.off('draining', resolve))
      }),
    listeners: () => listeners.list(),
    follow: means.follow,
    drain: (reason) => service.drain(reason),
    upgrading: (pid) => void service.emit('upgrading', pid),
    failed(error) {
      service.emit('upgradeFailed', error)
      means.warn(error.message)
    },
  }
}
