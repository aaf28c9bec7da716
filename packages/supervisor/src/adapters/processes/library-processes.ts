import type { ConnectionAccount, InstanceMessage } from '@handover/process/protocol'
import { addAccounts } from '@handover/process/protocol'

/** One process of an instance that has the library. */
interface Speaker {
  connected: boolean
  draining: boolean
  account: ConnectionAccount | null
  /** What it cut at its deadline, once it is drained. */
  cut: string[] | null
  /** Where it takes connections from others, if it does. */
  adoptionSocket: string | null
}

/**
 * The processes of one instance that speak on its channel: one, or a node:cluster's primary and workers. What
 * the instance as a whole has done is what all of them have; one that went away holds nothing any more.
 */
export interface Speakers {
  hear(connection: object, message: InstanceMessage): void
  leave(connection: object): void
  /** Whether the library is in the instance. */
  any(): boolean
  stoppedAccepting(): boolean
  /** Of those that are connected and do not drain. */
  adoptionSockets(): string[]
  /** Sums of all; null before the first figures. */
  account(): ConnectionAccount | null
  /** Everything that was cut; null until all are drained. */
  drained(): string[] | null
}

export function speakers(): Speakers {
  const byPid = new Map<number, Speaker>()
  const byConnection = new Map<object, Speaker>()
  const all = () => [...byPid.values()]
  /** Somebody has done it, and nobody who is there has not. */
  const everybody = (done: (speaker: Speaker) => boolean) =>
    all().some(done) && all().every((speaker) => done(speaker) || !speaker.connected)

  return {
    hear(connection, message) {
      if (message.type === 'hello') byConnection.set(connection, greet(byPid, message.pid))
      const speaker = byConnection.get(connection)
      if (speaker) note(speaker, message)
    },
    leave(connection) {
      const speaker = byConnection.get(connection)
      byConnection.delete(connection)
      if (speaker && ![...byConnection.values()].includes(speaker)) speaker.connected = false
    },
    any: () => byPid.size > 0,
    stoppedAccepting: () => everybody(({ draining }) => draining),
    adoptionSockets: () =>
      all().flatMap(({ connected, draining, adoptionSocket }) =>
        connected && !draining && adoptionSocket !== null ? [adoptionSocket] : [],
      ),
    account: () => sum(all().flatMap(({ account }) => account ?? [])),
    drained: () => (everybody(({ cut }) => cut !== null) ? all().flatMap(({ cut }) => cut ?? []) : null),
  }
}

/** A process that lost its connection and comes back is the same speaker. */
function greet(byPid: Map<number, Speaker>, pid: number): Speaker {
  const speaker = byPid.get(pid) ?? newSpeaker()
  speaker.connected = true
  byPid.set(pid, speaker)
  return speaker
}

const newSpeaker = (): Speaker => ({
  connected: true,
  draining: false,
  account: null,
  cut: null,
  adoptionSocket: null,
})

function note(speaker: Speaker, message: InstanceMessage): void {
  if ('account' in message) speaker.account = message.account
  if (message.type === 'draining' || message.type === 'drained') speaker.draining = true
  if (message.type === 'drained') speaker.cut = message.cut
  if (message.type === 'adopts') speaker.adoptionSocket = message.listeners.length > 0 ? message.path : null
}

/** A figure that no process has told stays absent: it is unknown, not 0. */
function sum(accounts: ConnectionAccount[]): ConnectionAccount | null {
  if (accounts.length === 0) return null
  const told = (field: string) =>
    accounts.some((account) => account[field as keyof ConnectionAccount] !== undefined)
  const fields = Object.entries(addAccounts(accounts)).filter(([field]) => told(field))
  return Object.fromEntries(fields) as unknown as ConnectionAccount
}
