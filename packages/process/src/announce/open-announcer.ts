import type { Environment } from '../protocol/environment.js'
import { protocolVersion, type InstanceMessage, type SupervisorMessage } from '../protocol/messages.js'
import { version } from '../protocol/version.js'
import { withoutServiceManager, type Announcer, type Mode } from './announcer.js'
import { Channel } from './channel.js'
import { isClusterWorker, primaryAnnouncer } from './cluster-worker.js'
import { heldAnnouncer } from './held-announcer.js'
import { serviceManagerAnnouncer } from './service-manager.js'

/**
 * The announcer that the environment selects: HANDOVER_SOCKET, else HANDOVER_PREDECESSOR, else NOTIFY_SOCKET, else a
 * cluster worker's IPC channel, else none. `onMessage` gets the supervisor's or predecessor's messages. `onLost` is
 * called when there was no connection to the supervisor for ten seconds. `generation`: how many programs this process
 * has run before. Default: 0.
 */
export function openAnnouncer(
  environment: Environment,
  mode: Mode,
  onMessage: (message: SupervisorMessage) => void,
  onLost: () => void,
  generation = 0,
): Announcer {
  if (environment.HANDOVER_SOCKET !== undefined)
    return supervisorAnnouncer(
      environment.HANDOVER_SOCKET,
      { ...hello(mode), ...imageOf(generation) },
      onMessage,
      onLost,
    )
  const manager = managerAnnouncer(environment)
  const { HANDOVER_PREDECESSOR: predecessor } = environment
  return predecessor === undefined ? manager : heldAnnouncer(predecessor, manager, hello(mode), onMessage)
}

function managerAnnouncer(environment: Environment): Announcer {
  if (environment.NOTIFY_SOCKET !== undefined)
    return serviceManagerAnnouncer(environment.NOTIFY_SOCKET, environment)
  if (isClusterWorker()) return primaryAnnouncer()
  return { ...withoutServiceManager, say: () => {}, flush: () => Promise.resolve(), close: () => {} }
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

/** Connects at the first message: a process that never serves sends nothing. */
function supervisorAnnouncer(
  path: string,
  hello: InstanceMessage,
  onMessage: (message: SupervisorMessage) => void,
  onLost: () => void,
): Announcer {
  let channel: Channel | null = null
  const open = () => {
    const opened = new Channel(path, hello, onMessage)
    opened.onLost = onLost
    return opened
  }
  return {
    ...withoutServiceManager,
    say: (message) => (channel ??= open()).send(message),
    flush: () => channel?.flush() ?? Promise.resolve(),
    close: () => channel?.close(),
  }
}
