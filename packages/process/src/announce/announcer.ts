import { afterPredecessor } from './held-announcer.js'
import { Channel } from './channel.js'
import { isClusterWorker, toPrimary } from './cluster-worker.js'
import type { Environment } from '../protocol/environment.js'
import { protocolVersion, type InstanceMessage, type SupervisorMessage } from '../protocol.js'
import { toServiceManager } from './service-manager.js'
import { version } from '../version.js'

export type Mode = 'library' | 'register'

/** Whoever started us, told what becomes of us: our own supervisor, systemd, a cluster primary, or nobody. */
export interface Announcer {
  say(message: InstanceMessage): void
  /** The application reads its configuration anew; `reloaded` follows, with the error if it failed. */
  reloading(): void
  reloaded(error?: unknown): void
  /** A drain begins that ends within this time. */
  stopping(timeoutMs: number): void
  /** Something was asked of the system that it refused. */
  failed(error: unknown): void
  /** This listener may be kept for a later process, under that name; `forget` when it is given up. */
  keep(name: string, fd: number): void
  forget(name: string): void
  /**
   * Another process is to take our place, and to speak for the service from now on. Our signs of life go on until
   * the returned function is called: when it gives its own.
   */
  handedOver(): () => void
  /** We have taken another process's place, and are ready, or not yet. */
  tookOver(ready: boolean): void
  /** Resolves when what was said is on its way, within half a second in any case. */
  flush(): Promise<void>
  close(): void
}

const nothing = (): void => {}

/** What only a service manager is told. Our supervisor knows it already, and keeps the listeners itself. */
export const silent = {
  reloading: nothing,
  reloaded: nothing,
  stopping: nothing,
  failed: nothing,
  keep: nothing,
  forget: nothing,
  handedOver: () => nothing,
  tookOver: nothing,
}

/** `hear` gets what the supervisor says. `generation`: how many programs this process has been before. */
export function announcer(
  environment: Environment,
  mode: Mode,
  hear: (message: SupervisorMessage) => void,
  generation = 0,
): Announcer {
  if (environment.HANDOVER_SOCKET !== undefined)
    return toSupervisor(environment.HANDOVER_SOCKET, mode, hear, generation)
  const manager = toManager(environment)
  const { HANDOVER_PREDECESSOR: predecessor } = environment
  return predecessor === undefined ? manager : afterPredecessor(predecessor, manager, hello(mode), hear)
}

function toManager(environment: Environment): Announcer {
  if (environment.NOTIFY_SOCKET !== undefined) return toServiceManager(environment.NOTIFY_SOCKET, environment)
  if (isClusterWorker()) return toPrimary()
  return { ...silent, say: () => {}, flush: () => Promise.resolve(), close: () => {} }
}

const hello = (mode: Mode): InstanceMessage => ({
  type: 'hello',
  version: protocolVersion,
  pid: process.pid,
  library: version,
  mode,
})

const imageOf = (generation: number): { revision?: string; generation?: number } => ({
  ...(process.env.HANDOVER_REVISION === undefined ? {} : { revision: process.env.HANDOVER_REVISION }),
  ...(generation === 0 ? {} : { generation }),
})

/** Connects with the first thing that there is to say: a process that never serves stays silent. */
function toSupervisor(
  path: string,
  mode: Mode,
  hear: (message: SupervisorMessage) => void,
  generation: number,
): Announcer {
  let channel: Channel | null = null
  const open = () => new Channel(path, { ...hello(mode), ...imageOf(generation) }, hear)
  return {
    ...silent,
    say: (message) => (channel ??= open()).send(message),
    flush: () => channel?.flush() ?? Promise.resolve(),
    close: () => channel?.close(),
  }
}
