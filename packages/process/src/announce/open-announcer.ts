import type { Environment } from '../protocol/environment.js'
import { protocolVersion, type InstanceMessage, type SupervisorMessage } from '../protocol/messages.js'
import { version } from '../protocol/version.js'
import { silent, type Announcer, type Mode } from './announcer.js'
import { Channel } from './channel.js'
import { isClusterWorker, toPrimary } from './cluster-worker.js'
import { afterPredecessor } from './held-announcer.js'
import { toServiceManager } from './service-manager.js'

/** `hear` gets what the supervisor says. `generation`: how many programs this process has been before. */
export function openAnnouncer(
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
