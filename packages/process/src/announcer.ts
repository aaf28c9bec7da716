import { Channel } from './channel.js'
import { isClusterWorker, toPrimary } from './cluster-worker.js'
import type { Environment } from './environment.js'
import { protocolVersion, type InstanceMessage, type SupervisorMessage } from './protocol.js'
import { toServiceManager } from './service-manager.js'
import { version } from './version.js'

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
  /** Another process has taken our place, and speaks for the service from now on. */
  handedOver(): void
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
  handedOver: nothing,
}

/** `hear` gets what the supervisor says. */
export function announcer(
  environment: Environment,
  mode: Mode,
  hear: (message: SupervisorMessage) => void,
): Announcer {
  if (environment.HANDOVER_SOCKET !== undefined) return toSupervisor(environment.HANDOVER_SOCKET, mode, hear)
  if (environment.NOTIFY_SOCKET !== undefined) return toServiceManager(environment.NOTIFY_SOCKET, environment)
  if (isClusterWorker()) return toPrimary()
  return { ...silent, say: () => {}, flush: () => Promise.resolve(), close: () => {} }
}

/** Connects with the first thing that there is to say: a process that never serves stays silent. */
function toSupervisor(path: string, mode: Mode, hear: (message: SupervisorMessage) => void): Announcer {
  let channel: Channel | null = null
  const hello: InstanceMessage = {
    type: 'hello',
    version: protocolVersion,
    pid: process.pid,
    library: version,
    mode,
  }
  const open = () => new Channel(path, hello, hear)
  return {
    ...silent,
    say: (message) => (channel ??= open()).send(message),
    flush: () => channel?.flush() ?? Promise.resolve(),
    close: () => channel?.close(),
  }
}
