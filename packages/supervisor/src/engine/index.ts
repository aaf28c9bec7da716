import type {
  Command,
  Event,
  OpenListener,
  Receipt,
  Result,
  Revision,
  ServiceSpec,
  ServiceState,
} from '../model/index.js'
import { explain } from '../rollout/index.js'
import type { World } from '../ports.js'
import { createLoop } from './loop.js'
import { currentReceipt } from './receipts.js'
import { restore } from './restore.js'
import type { ServiceRuntime } from './runtime.js'
import { services } from './services.js'

/** What the engine offers to the control API and to the daemon's signal handlers. */
export interface Engine {
  /** Goes on where an earlier supervisor left off; to be called first, once. */
  restore(): Promise<Result<true>>
  /** Looks whether these services could run, and opens their listeners; on failure nothing is left open. */
  admit(specs: ServiceSpec[]): Result<true>
  /** Takes a service to this specification: a new service is started, a known one gets a new revision. */
  apply(spec: ServiceSpec, cause: string): Result<true>
  /** Asks for one thing of one service; the events that follow are published. */
  command(service: string, command: Command): Result<true>
  /** Forgets a service once it has stopped. */
  forget(service: string): void
  services(): ServiceView[]
  service(name: string): ServiceView | undefined
  /** The list of revisions, each with the accounts of the rollouts that went to it. */
  history(service: string): HistoryEntry[]
  /** Why it is as it is, and what it waits for, in plain sentences. */
  explain(service: string): string[]
  /** Every event, after it was journaled and reduced. Returns the function that ends the subscription. */
  subscribe(listener: (event: Event) => void): () => void
  /** SIGKILL to every instance, at once. */
  killAll(): void
  /** Stops planning, closes listeners and journal. Instances are not touched. */
  close(): void
}

export interface HistoryEntry {
  revision: Revision
  receipts: Receipt[]
  stable: boolean
}

export interface ServiceView {
  state: ServiceState
  /** Why nothing more is done right now. */
  waiting: string[]
  listeners: OpenListener[]
  /** STATUS= lines, by instance. */
  texts: ReadonlyMap<string, string>
  /** The account of the newest rollout, once it has ended. */
  receipt: Receipt | null
}

export function createEngine(world: World): Engine {
  const loop = createLoop(world)
  const { runtimes } = loop
  const { admit, apply, command, forget } = services(world, loop)

  const view = (runtime: ServiceRuntime): ServiceView => ({
    state: runtime.state,
    waiting: runtime.waiting,
    listeners: runtime.listeners.open(),
    texts: runtime.texts,
    receipt: currentReceipt(runtime),
  })

  return {
    restore: () => restore(world, loop),
    admit,
    apply,
    command,
    forget,
    services: () => [...runtimes.values()].map(view),
    service(name) {
      const runtime = runtimes.get(name)
      return runtime && view(runtime)
    },
    history(name) {
      const runtime = runtimes.get(name)
      return runtime ? historyOf(runtime) : []
    },
    explain(name) {
      const runtime = runtimes.get(name)
      return runtime ? explain(runtime.state, world.clock.now()) : []
    },
    subscribe: (listener) => loop.subscribe(listener),
    killAll() {
      for (const { state } of runtimes.values())
        for (const { id } of state.instances) world.processes.kill(id)
    },
    close() {
      loop.close()
      for (const { listeners } of runtimes.values()) listeners.retain([])
      world.journal.close()
    },
  }
}

const historyOf = ({ state, receipts }: ServiceRuntime): HistoryEntry[] =>
  state.revisions.map((revision) => ({
    revision,
    receipts: receipts.filter((receipt) => receipt.toRevision === revision.number),
    stable: state.stable === revision.number,
  }))
