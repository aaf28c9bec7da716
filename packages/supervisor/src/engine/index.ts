import type {
  Command,
  Event,
  JournalBacklog,
  OpenListener,
  Receipt,
  Result,
  Revision,
  ServiceSpec,
  ServiceState,
} from '../model/index.js'
import { explain } from '../rollout/index.js'
import type { World } from '../ports.js'
import { journalWriter } from './journal-writer.js'
import { createLoop } from './loop.js'
import { currentReceipt } from './receipts.js'
import { restore } from './restore.js'
import type { ServiceRuntime } from './runtime.js'
import { services } from './services.js'

/** The services and what can be done with them, for the control API and the signal handlers. */
export interface Engine {
  /** Takes over the services of an earlier supervisor. Must be called once, before anything else. */
  restore(): Promise<Result<true>>
  /** Checks that these services can run, and opens their listeners. On failure no listener stays open. */
  admit(specs: ServiceSpec[]): Result<true>
  /** Rolls a service to this spec: starts a new service, or creates a new revision of an existing one. */
  apply(spec: ServiceSpec, cause: string): Result<true>
  /** Begins to carry out a command. What follows is published as events. */
  command(service: string, command: Command): Result<true>
  /** Removes a service that has stopped. */
  forget(service: string): void
  services(): ServiceView[]
  service(name: string): ServiceView | undefined
  /** The revisions of a service, each with the receipts of its rollouts. */
  history(service: string): HistoryEntry[]
  /** What the service waits for, in plain sentences. */
  explain(service: string): string[]
  /** Calls back after each event is journaled and reduced. Returns a function that ends the subscription. */
  subscribe(listener: (event: Event) => void): () => void
  /** What is not in the journal yet because it cannot be written. Null while everything is. */
  journalBacklog(): JournalBacklog | null
  /** Creates the journal again if its file was removed. */
  checkJournal(): void
  /** Looks after the files of unix listeners. Returns what is new about them, in sentences. */
  checkListeners(): string[]
  /** Sends SIGKILL to every instance. */
  killAll(): void
  /** Stops planning, and closes the listeners and the journal. Instances are not touched. */
  close(): void
}

export interface HistoryEntry {
  revision: Revision
  receipts: Receipt[]
  stable: boolean
}

export interface ServiceView {
  state: ServiceState
  /** Why nothing more can be done right now, in sentences. */
  waiting: string[]
  listeners: OpenListener[]
  /** Last STATUS= line (sd_notify(3)) by instance. */
  texts: ReadonlyMap<string, string>
  /** The receipt of the newest rollout. Null while it is in progress. */
  receipt: Receipt | null
}

/** `log` gets a line when the journal cannot be written, and when it can be again. */
export function createEngine(world: World, log: (line: string) => void = () => {}): Engine {
  const journal = journalWriter(world, log)
  const loop = createLoop(world, journal)
  const { runtimes } = loop
  const { admit, apply, command, forget } = services(world, loop)

  const view = (runtime: ServiceRuntime): ServiceView => ({
    state: runtime.state,
    waiting: [...runtime.listeners.troubles(), ...runtime.waiting],
    listeners: runtime.listeners.open(),
    texts: runtime.texts,
    receipt: currentReceipt(runtime),
  })

  return {
    restore: () => restore(world, loop, journal),
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
      return runtime ? [...runtime.listeners.troubles(), ...explain(runtime.state, world.clock.now())] : []
    },
    subscribe: (listener) => loop.subscribe(listener),
    journalBacklog: () => journal.backlog(),
    checkJournal: () => journal.check(),
    checkListeners: () =>
      [...runtimes.values()].flatMap(({ listeners, state }) => {
        const known = listeners.troubles()
        const { renewed } = listeners.checkFiles()
        const news = listeners.troubles().filter((trouble) => !known.includes(trouble))
        const back = renewed.map(({ address }) => `the socket "${address}" was removed, and was put back`)
        return [...back, ...news].map((line) => `${state.name}: ${line}`)
      }),
    killAll() {
      for (const { state } of runtimes.values())
        for (const { id } of state.instances) world.processes.kill(id)
    },
    close() {
      loop.close()
      for (const { listeners } of runtimes.values()) listeners.retain([])
      journal.close()
    },
  }
}

const historyOf = ({ state, receipts }: ServiceRuntime): HistoryEntry[] =>
  state.revisions.map((revision) => ({
    revision,
    receipts: receipts.filter((receipt) => receipt.toRevision === revision.number),
    stable: state.stable === revision.number,
  }))
