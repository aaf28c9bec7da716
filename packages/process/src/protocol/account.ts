/**
 * What became of the connections of one instance. At any moment
 * `accepted + adopted = endedByPeer + endedOrderly + endedAtDeadline + handedOver + open`.
 */
export interface ConnectionAccount {
  /** Connections that this instance took from a listener. */
  accepted: number
  /** Established connections that it got from a predecessor. */
  adopted: number
  /** Requests that were answered to their last byte. */
  answered: number
  /** Ended by the client, between requests or in the middle of one. */
  endedByPeer: number
  /** Ended by this side where the protocol allows it: after `Connection: close`, an idle timeout, a goodbye. */
  endedOrderly: number
  /** Cut by the drain deadline. */
  endedAtDeadline: number
  /** Given, alive, to a successor. */
  handedOver: number
  /** Open now. */
  open: number
  /** Of the open ones: with a request in flight. */
  active: number
  /** Turned away on arrival, because of `server.maxConnections`; not among `accepted`. */
  refused?: number
  /** The longest time from a request's arrival to the last byte of its answer, in milliseconds; a drain counts anew. */
  slowestMs?: number
  /** Read from UDP sockets of the service, and sent from them; absent or 0 where there are none. */
  datagramsReceived?: number
  datagramsSent?: number
}

/** Somebody else who serves connections in the name of this process: the workers of a node:cluster primary, or UDP sockets. */
export interface Participant {
  readonly account: ConnectionAccount
  /** Calls `changed` when the account has changed. Returns what ends that. */
  subscribe(changed: () => void): () => void
  /** Resolves when none of its listeners is accepted from any more. */
  stopAccepting(): Promise<void>
  /** Resolves, when its last connection is gone, with what had to be cut. */
  finished(): Promise<string[]>
}

export function addAccounts(accounts: ConnectionAccount[]): ConnectionAccount {
  const sum = { ...noConnections }
  for (const account of accounts) {
    for (const key of Object.keys(sum) as (keyof ConnectionAccount)[]) {
      const value = account[key] ?? 0
      sum[key] = key === 'slowestMs' ? Math.max(sum[key], value) : sum[key] + value
    }
  }
  return sum
}

export const noConnections: Required<ConnectionAccount> = {
  accepted: 0,
  adopted: 0,
  answered: 0,
  endedByPeer: 0,
  endedOrderly: 0,
  endedAtDeadline: 0,
  handedOver: 0,
  open: 0,
  active: 0,
  refused: 0,
  slowestMs: 0,
  datagramsReceived: 0,
  datagramsSent: 0,
}
