import { Channel } from './channel.js'
import { isClusterWorker, toPrimary } from './cluster-worker.js'
import type { Environment } from './environment.js'
import { protocolVersion, type InstanceMessage, type SupervisorMessage } from './protocol.js'
import { version } from './version.js'

export type Mode = 'library' | 'register'

/** Whoever started us, told what becomes of us: our own supervisor, systemd, a cluster primary, or nobody. */
export interface Announcer {
  say(message: InstanceMessage): void
  /** Resolves when what was said is on its way, within half a second in any case. */
  flush(): Promise<void>
  close(): void
}

/** `hear` gets what the supervisor says. */
export function announcer(
  environment: Environment,
  mode: Mode,
  hear: (message: SupervisorMessage) => void,
): Announcer {
  if (environment.HANDOVER_SOCKET !== undefined) return toSupervisor(environment.HANDOVER_SOCKET, mode, hear)
  if (environment.NOTIFY_SOCKET !== undefined) return toServiceManager(environment.NOTIFY_SOCKET)
  if (isClusterWorker()) return toPrimary()
  return { say: () => {}, flush: () => Promise.resolve(), close: () => {} }
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
    say: (message) => (channel ??= open()).send(message),
    flush: () => channel?.flush() ?? Promise.resolve(),
    close: () => channel?.close(),
  }
}

function toServiceManager(path: string): Announcer {
  let last: Promise<void> = Promise.resolve()
  const tell = async (state: string) => {
    const { notify } = await import('./notify.js')
    const failure = await notify(path, state)
    if (failure !== null) process.emitWarning(failure, 'HandoverWarning')
  }
  return {
    say: (message) => {
      const state = notifyState(message)
      if (state !== null) last = last.then(() => tell(state))
    },
    flush: () => last,
    close: () => {},
  }
}

/** What sd_notify(3) has a word for. */
function notifyState(message: InstanceMessage): string | null {
  switch (message.type) {
    case 'ready':
      return 'READY=1'
    case 'status':
      return `STATUS=${message.text.replaceAll('\n', ' ')}`
    case 'draining':
      return 'STOPPING=1\nSTATUS=Draining'
    case 'hello':
    case 'listening':
    case 'adopts':
    case 'account':
    case 'drained':
    case 'error':
      return null
  }
}
