import type { ConnectionAccount, InstanceMessage } from '@handover/process/protocol'
import { addAccounts } from '@handover/process/protocol'
import type { InstanceProgress, Listening } from '../../ports.js'

/** One process of an instance that has the library. */
interface LibraryProcess {
  connected: boolean
  draining: boolean
  account: ConnectionAccount | null
  /** What it closed at its deadline. Null until it is drained. */
  cut: string[] | null
  /** Path of the socket where it adopts connections. Null if it adopts none. */
  adoptionSocket: string | null
  /** Whether the application calls the library itself. */
  calls: boolean
  listening: Listening[]
}

/**
 * The processes of one instance that use its channel: one, or the primary and the workers of a node:cluster. The
 * instance has done something when all of them have. Processes that have disconnected do not count.
 */
export interface LibraryProcesses {
  message(connection: object, message: InstanceMessage): void
  disconnected(connection: object): void
  /** Undefined before its `hello`. */
  pidOf(connection: object): number | undefined
  /** Whether the library is in the instance. */
  any(): boolean
  isConnected(pid: number): boolean
  stoppedAccepting(): boolean
  /** Those of connected processes that are not draining. */
  adoptionSockets(): string[]
  /** What the servers of all processes listen on, and who says that the instance is ready. Null before any `hello`. */
  progress(): InstanceProgress | null
  /** The sum over all processes. Null before the first report. */
  account(): ConnectionAccount | null
  /** What all of them closed at their deadlines. Null until all are drained. */
  drained(): string[] | null
}

export function libraryProcesses(): LibraryProcesses {
  const byPid = new Map<number, LibraryProcess>()
  const byConnection = new Map<object, LibraryProcess>()
  const all = () => [...byPid.values()]
  /** True if at least one has done it, and all connected ones have. */
  const haveAll = (done: (process: LibraryProcess) => boolean) =>
    all().some(done) && all().every((process) => done(process) || !process.connected)

  return {
    message(connection, message) {
      if (message.type === 'hello') {
        const process = connected(byPid, message.pid)
        byConnection.set(connection, process)
        Object.assign(process, { calls: message.mode === 'library', listening: [] })
      }
      const process = byConnection.get(connection)
      if (process) apply(process, message)
    },
    disconnected(connection) {
      const process = byConnection.get(connection)
      byConnection.delete(connection)
      if (process && ![...byConnection.values()].includes(process)) process.connected = false
    },
    pidOf(connection) {
      const process = byConnection.get(connection)
      return [...byPid].find(([, known]) => known === process)?.[0]
    },
    any: () => byPid.size > 0,
    isConnected: (pid) => byPid.get(pid)?.connected === true,
    stoppedAccepting: () => haveAll(({ draining }) => draining),
    adoptionSockets: () =>
      all().flatMap(({ connected, draining, adoptionSocket }) =>
        connected && !draining && adoptionSocket !== null ? [adoptionSocket] : [],
      ),
    progress() {
      if (byPid.size === 0) return null
      const listening = all().flatMap((process) => (process.connected ? process.listening : []))
      return { calls: all().some(({ calls }) => calls), listening: withoutRepeats(listening) }
    },
    account: () => sum(all().flatMap(({ account }) => account ?? [])),
    drained: () => (haveAll(({ cut }) => cut !== null) ? all().flatMap(({ cut }) => cut ?? []) : null),
  }
}

/** A process that reconnects is recognized by its pid. */
function connected(byPid: Map<number, LibraryProcess>, pid: number): LibraryProcess {
  const process = byPid.get(pid) ?? newProcess()
  process.connected = true
  byPid.set(pid, process)
  return process
}

const newProcess = (): LibraryProcess => ({
  connected: true,
  draining: false,
  account: null,
  cut: null,
  adoptionSocket: null,
  calls: false,
  listening: [],
})

function apply(process: LibraryProcess, message: InstanceMessage): void {
  if (message.type === 'listening') process.listening.push(listeningOf(message))
  if (message.type === 'closed') {
    const closed = process.listening.findIndex((one) => isSame(one, listeningOf(message)))
    if (closed !== -1) process.listening.splice(closed, 1)
  }
  if ('account' in message) process.account = message.account
  if (message.type === 'draining' || message.type === 'drained') process.draining = true
  if (message.type === 'drained') process.cut = message.cut
  if (message.type === 'adopts') process.adoptionSocket = message.listeners.length > 0 ? message.path : null
}

/** A figure that no process has reported stays absent: it is unknown, not 0. */
function sum(accounts: ConnectionAccount[]): ConnectionAccount | null {
  if (accounts.length === 0) return null
  const isReported = (field: string) =>
    accounts.some((account) => account[field as keyof ConnectionAccount] !== undefined)
  const fields = Object.entries(addAccounts(accounts)).filter(([field]) => isReported(field))
  return Object.fromEntries(fields) as unknown as ConnectionAccount
}

const listeningOf = ({ address, listener }: Listening): Listening => ({
  address,
  ...(listener !== undefined && { listener }),
})

const isSame = (a: Listening, b: Listening): boolean => a.address === b.address && a.listener === b.listener

/** The workers of a node:cluster listen on the same address. */
const withoutRepeats = (listening: Listening[]): Listening[] =>
  listening.filter((one, index) => listening.findIndex((other) => isSame(one, other)) === index)
