import type net from 'node:net'
import { descriptorOf } from '../node/handle.js'
import type { Announcer } from '../announce/announcer.js'
import type { Connections } from '../connections/connections.js'
import type { Environment } from '../protocol/environment.js'
import { HandoverError, messageOf } from '../protocol/errors.js'
import type { LastRequests } from '../drain/last-requests.js'
import type { InheritedListener } from '../listeners/inherited.js'
import { boundName } from '../listeners/bound-name.js'
import type { Settings } from './options.js'
import type { SupervisorMessage } from '../protocol/messages.js'
import { rememberSockets } from '../system/socket-table.js'
import type { ExecHost } from '../in-place/exec.js'
import type { ImageOptions } from '../in-place/image.js'

/** What a Service is made of, as far as a replacement of its program is concerned. */
export interface ExecSeam {
  connections: Connections
  lastRequests: LastRequests
  announcer: Announcer
  environment: Environment
  settings: Settings
  generation: number
  inherited: readonly InheritedListener[]
  adopted: ReadonlyMap<net.Server, InheritedListener>
  /** The application's own, within that many milliseconds. */
  hooks(ms: number): Promise<void>
}

export function execHost(seam: ExecSeam): ExecHost {
  const { adopted, announcer, connections, environment, generation, inherited, lastRequests, settings } = seam
  const isSameSocket = rememberSockets(inherited.map(({ fd }) => fd))
  const nameOf = (server: net.Server) => adopted.get(server)?.name ?? boundName(server.address() ?? 'closed')
  return {
    announcer,
    connections,
    environment,
    generation,
    lastRequests,
    keeps: settings.handover,
    limits: settings,
    nameOf,
    listeners: () => [
      ...inherited.filter(({ fd }) => isSameSocket(fd)).map(({ name, fd }) => ({ name, fd })),
      ...[...connections.servers]
        .filter((server) => !adopted.has(server))
        .map((server) => ({ name: nameOf(server), fd: descriptorOf(server) }))
        .filter(({ fd }) => fd >= 0),
    ],
    async beforeExec(kept, waiting) {
      await seam.hooks(hooksMs)
      const { account } = connections
      const accepted = account.accepted + waiting
      const handedOver = account.handedOver + kept
      announcer.say({
        type: 'executing',
        account: { ...account, accepted, handedOver, open: account.open - (kept - waiting), active: 0 },
      })
    },
  }
}

/** The supervisor asked for it, and is told if nothing came of it. */
export async function execAsTold(
  exec: (options: ImageOptions) => Promise<never>,
  { argv, cwd, env = {}, environment, timeoutSeconds }: Extract<SupervisorMessage, { type: 'exec' }>,
  announcer: Announcer,
): Promise<void> {
  const changes = Object.entries(env).map(([name, value]) => [name, value ?? undefined] as const)
  try {
    await exec({
      env: Object.fromEntries(changes),
      ...(argv !== undefined && { argv }),
      ...(cwd !== undefined && { cwd }),
      ...(environment !== undefined && { environment }),
      ...(timeoutSeconds !== undefined && { timeoutSeconds }),
    })
  } catch (error) {
    const code = error instanceof HandoverError ? error.code : 'ERR_HANDOVER_EXEC'
    announcer.say({ type: 'execFailed', code, message: messageOf(error) })
  }
}

/** Everything else waits meanwhile. Milliseconds. */
const hooksMs = 1000
