import type {
  Command,
  Event,
  ListenerSpec,
  Receipt,
  Result,
  Revision,
  ServiceSpec,
  ServiceState,
} from '../model/index.js'

/** The account of one rollout as it ended, kept for `history`. */
export interface HistoryEntry {
  revision: Revision
  /** The rollouts that led to this revision or away from it, oldest first. */
  receipts: Receipt[]
  stable: boolean
}

/** What the engine offers to the control API and to the daemon's signal handlers. */
export interface Engine {
  /** Asks for one thing of one service; the events that follow are published. */
  command(service: string, command: Command): Result<true>
  /** Looks whether these services could run, and opens their listeners; on failure nothing is left open. */
  admit(specs: ServiceSpec[]): Result<true>
  /** Takes a service to this specification: a new service is started, a known one gets a new revision. */
  apply(spec: ServiceSpec, cause: string): Result<true>
  /** Forgets a service once it has stopped. */
  remove(service: string): void
  services(): ServiceView[]
  service(name: string): ServiceView | undefined
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

export interface ServiceView {
  state: ServiceState
  /** Why nothing more is done right now. */
  waiting: string[]
  listeners: { name: string; spec: ListenerSpec; address: string }[]
  /** STATUS= lines, by instance. */
  texts: ReadonlyMap<string, string>
  /** The account of the rollout that is going on, or of the last one that ended. */
  receipt: Receipt | null
}
