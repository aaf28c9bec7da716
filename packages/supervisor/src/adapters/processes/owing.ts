import type { TcpSocket } from '../linux/tcp-diag.js'

/** Which connections of an instance owe an answer, as far as the kernel can tell (sock_diag(7)). */
export interface OwingRule {
  /** To be called with every look at the same connections, at `now` milliseconds. */
  judge(connections: TcpSocket[], now: number): Judgement
}

export interface Judgement {
  /** Those that may owe one: they are worth waiting for. */
  owing: TcpSocket[]
  /** Those of them that owe one for sure: they have received something, and sent nothing since. */
  certain: TcpSocket[]
}

/**
 * The kernel counts in jiffies (1 to 10 ms), so an answer sent in the jiffy of its request and a request received in
 * the jiffy of the answer before it look alike. The first is far more frequent: after this time, it is taken for that.
 */
const tieMs = 1500
/**
 * Often that is known sooner: a request without an answer is acknowledged by a segment without data once the kernel has
 * waited for data to send along (`ackDelayMs`). If there was no such segment, its acknowledgement was on an answer. The
 * kernel waits for 40 ms at least (TCP_DELACK_MIN); the rest is for late timers.
 */
const minAckDelayMs = 40
const lateMs = 20

/**
 * Some answers are written in pieces, for example head and body. Initially a connection counts as owing until nothing
 * was sent for this long. The time shrinks to 0 over 4 s: clients that never pause would keep it owing forever.
 */
const quietMs = 200
const quietShrinksOverMs = 4000

/** `silentMs`: for how long a new connection that has received nothing yet may be about to send a request. */
export function owingRule(silentMs: number, startedAt: number): OwingRule {
  let before = new Map<string, TcpSocket>()
  /** Connections that received something between two looks and sent nothing: with how much they had sent. */
  let received = new Map<string, number>()
  /** Of each connection, the `bareAcks` before it received its last data. */
  let bareAcks = new Map<string, number>()

  function isAcknowledgedByAnswer({ info, peer }: TcpSocket): boolean {
    if (info === null || bareAcks.get(peer) !== info.bareAcks) return false
    return info.msSinceReceived > Math.max(minAckDelayMs, info.ackDelayMs) + lateMs
  }

  function certainlyOwes({ info, receiveQueue, sendQueue, peer }: TcpSocket): boolean {
    if (receiveQueue > 0 || sendQueue > 0 || info === null) return true
    const { bytesReceived, bytesSent, msSinceReceived, msSinceSent } = info
    if (bytesReceived === 0) return false
    return bytesSent === 0 || received.get(peer) === bytesSent || msSinceReceived < msSinceSent
  }

  function mayOwe(one: TcpSocket, quiet: number): boolean {
    const { info } = one
    if (info === null) return true
    const { bytesReceived, bytesSent, msSinceReceived, msSinceSent } = info
    if (bytesReceived === 0 && bytesSent === 0) return msSinceReceived < silentMs
    if (bytesReceived > 0 && msSinceReceived === msSinceSent)
      return msSinceReceived < tieMs && !isAcknowledgedByAnswer(one)
    return msSinceSent < quiet
  }

  return {
    judge(connections, now) {
      received = new Map(connections.flatMap((one) => stillWaits(one, before.get(one.peer), received)))
      bareAcks = new Map(connections.flatMap((one) => earlierAcks(one, before.get(one.peer), bareAcks)))
      before = new Map(connections.map((one) => [one.peer, one]))
      const quiet = Math.max(0, quietMs * (1 - (now - startedAt) / quietShrinksOverMs))
      const certain = new Set(connections.filter(certainlyOwes))
      const owing = connections.filter((one) => certain.has(one) || mayOwe(one, quiet))
      return { owing, certain: [...certain] }
    },
  }
}

function stillWaits(
  { peer, info }: TcpSocket,
  before: TcpSocket | undefined,
  received: Map<string, number>,
): [string, number][] {
  if (!info || !before?.info) return []
  const sentNothing = info.bytesSent === before.info.bytesSent
  const receivedSome = info.bytesReceived > before.info.bytesReceived
  return sentNothing && (receivedSome || received.has(peer)) ? [[peer, info.bytesSent]] : []
}

function earlierAcks(
  { peer, info }: TcpSocket,
  before: TcpSocket | undefined,
  earlier: Map<string, number>,
): [string, number][] {
  if (!info || !before?.info) return []
  const acks = info.bytesReceived > before.info.bytesReceived ? before.info.bareAcks : earlier.get(peer)
  return acks === undefined ? [] : [[peer, acks]]
}
