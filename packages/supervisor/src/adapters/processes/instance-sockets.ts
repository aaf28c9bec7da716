import type { SupervisorMessage } from '@handover/process/protocol'
import type { LaunchOrder } from '../../ports.js'
import type { Channel } from './channel.js'
import { openChannel } from './channel.js'
import type { InstanceFolder } from './folder.js'
import { openNotifySocket } from './notify-socket.js'
import type { TicketKeys } from './ticket-keys.js'
import type { Voice } from './reports.js'

/** The supervisor's ends of the two sockets of one instance. */
export interface Contract {
  tell(message: SupervisorMessage): void
  /** Tells who takes its connections, and again whenever a process of the instance comes back. */
  nameSuccessors(sockets: string[]): void
  /** Its program is of that revision from now on. */
  become(revision: number): void
  renewTicketKeys(): void
  /** Hears out what the instance said before it ended, then closes both. */
  finish(): Promise<void>
}

export async function openContract(
  folder: InstanceFolder,
  { instance, revision }: Pick<LaunchOrder, 'instance' | 'revision'>,
  voice: Voice,
  ticketKeys: TicketKeys,
  log: (line: string) => void,
): Promise<Contract> {
  const notify = openNotifySocket(
    folder.notify,
    (message) => voice.notified(message),
    (nonsense) => log(`${instance} sent what is no message of sd_notify(3): "${nonsense.slice(0, 200)}"`),
  )
  const keys = () => ticketKeys.of(revision.spec.name)
  let successors: SupervisorMessage | null = null
  const identity = {
    instance,
    revision: revision.number,
    standing: () => [
      { type: 'ticketKeys' as const, keys: keys() },
      ...(successors === null ? [] : [successors]),
    ],
  }
  let channel: Channel
  try {
    channel = await openChannel(folder.channel, identity, {
      message: (connection, message) => voice.said(connection, message),
      closed: (connection) => voice.left(connection),
    })
  } catch (error) {
    notify.close()
    throw error
  }
  return {
    tell: (message) => channel.tell(message),
    nameSuccessors: (sockets) => channel.tell((successors = { type: 'successors', sockets })),
    become: (number) => void (identity.revision = number),
    renewTicketKeys: () => channel.tell({ type: 'ticketKeys', keys: keys() }),
    async finish() {
      notify.close()
      await channel.finish()
      voice.close()
    },
  }
}
