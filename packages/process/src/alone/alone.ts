import { once } from 'node:events'
import type { Announcer } from '../announcer.js'
import type { Environment } from '../environment.js'
import type { InheritedListener } from '../inherited.js'
import type { SupervisorMessage } from '../protocol.js'
import type { Service } from '../service.js'
import type { AloneSettings } from './options.js'
import { PassedListeners } from './passed-listeners.js'
import { PidFile } from './pid-file.js'
import type { UpgradeReceipt } from './receipt.js'
import { Upgrades, type UpgradeHost } from './upgrades.js'

/** What a service lends for it. */
export interface Means {
  announcer: Announcer
  environment: Environment
  inherited: readonly InheritedListener[]
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
  readonly #upgrades: Upgrades
  readonly #pidFile: PidFile | null

  /** @throws HandoverError `ERR_HANDOVER_PID_FILE` */
  constructor(service: Service, means: Means) {
    const { environment, inherited, settings, warn } = means
    this.#pidFile = settings.pidFile === null ? null : new PidFile(settings.pidFile, warn)
    this.listeners = new PassedListeners(inherited)
    this.#upgrades = new Upgrades(hostOf(service, this.listeners, means), settings)
    // Where there is a predecessor, the file is its own until it steps back.
    if (environment.HANDOVER_PREDECESSOR === undefined) this.#pidFile?.write()
  }

  /** Somebody serves in our place: nobody has to be told to go there, as the listeners are the same. */
  get replaced(): boolean {
    return this.#upgrades.committed
  }

  upgrade(): Promise<UpgradeReceipt> {
    return this.#upgrades.run()
  }

  hear(message: SupervisorMessage): void {
    if (message.type !== 'takeOver') return
    this.#upgrades.follow(message.draining)
    this.#pidFile?.rewrite()
  }

  close(): void {
    this.#pidFile?.remove()
  }
}

function hostOf(service: Service, listeners: PassedListeners, means: Means): UpgradeHost {
  return {
    announcer: means.announcer,
    environment: means.environment,
    drainMs: means.drainMs,
    state: () => service.state,
    ticketKeys: means.ticketKeys,
    leaving: (signal) =>
      new Promise((resolve) => {
        once(service, 'draining', { signal }).then(
          ([reason]) => resolve(String(reason)),
          () => {}, // it is not waited for any more
        )
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
