import type { SupervisorMessage } from '@handover/process/protocol'
import type { LaunchOrder } from '../../ports.js'
import type { Channel } from './channel.js'
import { openChannel } from './channel.js'
import type { InstanceFolder } from './folder.js'
import { openNotifySocket } from './notify-socket.js'
import type { InstanceReports } from './reports.js'
import type { TicketKeys } from './ticket-keys.js'

/** The supervisor's ends of the channel and the notify socket of one instance. */
export interface InstanceSockets {
  send(message: SupervisorMessage): void
  /** Sends the successors now, and again to each process of the instance that connects. */
  sendSuccessors(sockets: string[]): void
  /** The same for whether it accepts new connections. */
  sendAccepting(accepting: boolean): void
  /** The revision that processes of the instance are welcomed with from now on. */
  setRevision(revision: number): void
  sendTicketKeys(): void
  /** Creates those again whose files were removed. Returns whether any was. */
  renew(): Promise<boolean>
  /** Reads what the instance sent before it exited, then closes both. */
  close(): Promise<void>
}

export async function openInstanceSockets(
  folder: InstanceFolder,
  { instance, revision }: Pick<LaunchOrder, 'instance' | 'revision'>,
  reports: InstanceReports,
  ticketKeys: TicketKeys,
  log: (line: string) => void,
): Promise<InstanceSockets> {
  const notify = openNotifySocket(
    folder.notify,
    (message) => reports.notifyMessage(message),
    (invalid) => log(`${instance} sent an invalid message for sd_notify(3): "${invalid.slice(0, 200)}"`),
  )
  const keys = () => ticketKeys.of(revision.spec.name)
  let successors: SupervisorMessage | null = null
  let accepting: boolean | null = null
  const identity = {
    instance,
    revision: revision.number,
    onConnect: () => [
      { type: 'ticketKeys' as const, keys: keys() },
      ...(successors === null ? [] : [successors]),
      ...(accepting === null ? [] : [{ type: 'accept' as const, accepting }]),
    ],
  }
  let channel: Channel
  try {
    channel = await openChannel(folder.channel, identity, {
      message: (connection, message) => reports.channelMessage(connection, message),
      wanted: (address, answer) => reports.wanted(address, answer),
      closed: (connection) => reports.channelClosed(connection),
    })
  } catch (error) {
    notify.close()
    throw error
  }
  return {
    send: (message) => channel.send(message),
    sendSuccessors: (sockets) => channel.send((successors = { type: 'successors', sockets })),
    sendAccepting(wanted) {
      if (accepting === wanted) return
      accepting = wanted
      channel.send({ type: 'accept', accepting })
    },
    setRevision: (number) => void (identity.revision = number),
    sendTicketKeys: () => channel.send({ type: 'ticketKeys', keys: keys() }),
    async renew() {
      const renewed = [notify.renew(), await channel.renew()]
      return renewed.includes(true)
    },
    async close() {
      notify.close()
      await channel.close()
      reports.close()
    },
  }
}
