import { readdirSync } from 'node:fs'
import type { SeenConnections } from '../../model/index.js'
import { PosixError } from '../linux/posix.js'
import type { ProcessGroup } from '../linux/process-group.js'
import { processGroup } from '../linux/process-group.js'
import { heldSockets } from '../linux/proc.js'
import { tcpSockets } from '../linux/sock-diag.js'
import type { TcpSocket } from '../linux/tcp-diag.js'
import { owingRule } from './owing.js'

/** Time between two looks: one takes about a millisecond. */
const pauseMs = 20
const maxPauseMs = 100
/** With many connections a look takes longer. The pauses are at least this many times as long. */
const shareOfTime = 4
/** The looks at sockets and at processes are not one moment, so what they show must be seen twice. */
const looksInARow = 2

export interface OutsideOptions {
  /** The leader of the instance's process group. */
  pid: number
  /** Inodes of its listening sockets that get no new connections any more. Null: it is told at once. */
  leaving: ReadonlySet<number> | null
  /** Of all its TCP listeners. */
  ports: ReadonlySet<number>
  /** Whether it needs to be waited for until no connection owes an answer. The library does that by itself. */
  answers: () => boolean
  /** See `drain.timeoutSeconds` and `drain.idleSeconds`. */
  timeoutSeconds: number
  silentSeconds: number
  /** No connection is queued for it any more, and no handshake with it is under way. */
  onEmpty: () => void
  /** It should be told to stop. Null: its connections cannot be seen. */
  onSettled: (connections: SeenConnections | null) => void
}

export interface OutsideDrain {
  /** What was seen last. Null if nothing could be seen. */
  last(): SeenConnections | null
  stop(): void
}

/**
 * Waits for an instance that gets no new connections any more: until its queues are empty, then until no connection of
 * its processes owes an answer as far as the kernel can tell. After `timeoutSeconds` it waits no longer. Continues to look
 * until `stop`.
 */
export function drainFromOutside(options: OutsideOptions): OutsideDrain {
  const startedAt = performance.now()
  const group = processGroup(options.pid)
  const rule = owingRule(options.silentSeconds * 1000, startedAt)
  const { leaving } = options
  let phase: 'queue' | 'answers' | 'told' = 'queue'
  let handshakes: Set<string> | null = null
  let inARow = 0
  let last: SeenConnections | null = null
  /** How many connections are worth waiting for. */
  let waitedFor = 0

  /** Whether this is the second look in a row at which `seen` holds. */
  function twice(seen: boolean): boolean {
    inARow = seen ? inARow + 1 : 0
    if (inARow < looksInARow) return false
    inARow = 0
    return true
  }

  function count(connections: TcpSocket[], now: number): SeenConnections {
    const { owing, certain } = rule.judge(connections, now)
    waitedFor = owing.length
    return { owing: certain.length, idle: connections.length - certain.length }
  }

  function look(): void {
    const now = performance.now()
    const late = now - startedAt >= options.timeoutSeconds * 1000
    const sockets = socketsOf(options.ports)
    const connections = sockets === null ? 'hidden' : connectionsOf(sockets, group)
    if (connections === 'ended') return // what was seen last is what it left
    last = connections === 'hidden' ? null : count(connections, now)
    if (leaving === null && phase !== 'told') {
      phase = 'told'
      options.onSettled(last)
    } else if (leaving !== null && phase === 'queue') {
      handshakes ??= peersOf(sockets ?? [])
      if (late || sockets === null || twice(isEmpty(sockets, leaving, handshakes))) {
        phase = 'answers'
        options.onEmpty()
      }
    } else if (phase === 'answers') {
      if (late || last === null || !options.answers() || twice(waitedFor === 0)) {
        phase = 'told'
        options.onSettled(last)
      }
    }
  }

  function run(): void {
    if (stopped) return
    const before = performance.now()
    look()
    const tookMs = performance.now() - before
    const pause = phase === 'told' ? Math.min(maxPauseMs, (performance.now() - startedAt) / 10) : pauseMs
    timer = setTimeout(run, Math.max(pauseMs / 4, pause, shareOfTime * tookMs))
  }

  let stopped = false
  let timer = setTimeout(run, leaving === null ? 0 : 1)
  return {
    last: () => last,
    stop() {
      stopped = true
      clearTimeout(timer)
    },
  }
}

/** Null where sock_diag is not available: then only the queue and the answers of the program itself can be relied on. */
function socketsOf(ports: ReadonlySet<number>): TcpSocket[] | null {
  try {
    return tcpSockets(ports)
  } catch (error) {
    if (error instanceof PosixError) return null
    throw error
  }
}

const peersOf = (sockets: TcpSocket[]): Set<string> =>
  new Set(sockets.filter(({ state }) => state === 'syn-received').map(({ peer }) => peer))

/** `handshakes`: those that were under way when it got its last connection. Later ones are with other instances. */
function isEmpty(
  sockets: TcpSocket[],
  inodes: ReadonlySet<number>,
  handshakes: ReadonlySet<string>,
): boolean {
  return sockets.every(({ state, inode, receiveQueue, peer }) => {
    if (state === 'listen') return !inodes.has(inode) || receiveQueue === 0
    return state !== 'syn-received' || !handshakes.has(peer)
  })
}

/** The connections that a process of the group has open. `hidden`: they cannot be seen. `ended`: it is exiting. */
function connectionsOf(sockets: TcpSocket[], group: ProcessGroup): TcpSocket[] | 'hidden' | 'ended' {
  const candidates = sockets.filter(
    ({ state, inode }) => inode !== 0 && (state === 'established' || state === 'close-wait'),
  )
  const inodes = new Set(candidates.map(({ inode }) => inode))
  const held = [group.leader, ...group.members()].map((pid) => heldSockets(pid, inodes))
  if (held.includes(null)) return 'hidden'
  const accepted = new Set(held.flatMap((sockets) => sockets ?? []).map(({ inode }) => inode))
  return hasEnded(group.leader) ? 'ended' : candidates.filter(({ inode }) => accepted.has(inode))
}

/** An exiting process has closed its descriptors before it becomes a zombie. */
function hasEnded(pid: number): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).length === 0
  } catch {
    return true
  }
}
