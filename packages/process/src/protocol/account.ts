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

/** Every field of an account. Optional: a library of another version may not say it. */
export const accountFields: {
  readonly [Field in keyof ConnectionAccount]-?: object extends Pick<ConnectionAccount, Field>
    ? 'optional'
    : 'required'
} = {
  accepted: 'required',
  adopted: 'required',
  answered: 'required',
  endedByPeer: 'required',
  endedOrderly: 'required',
  endedAtDeadline: 'required',
  handedOver: 'required',
  open: 'required',
  active: 'required',
  refused: 'optional',
  slowestMs: 'optional',
  datagramsReceived: 'optional',
  datagramsSent: 'optional',
}

const fields = Object.keys(accountFields) as (keyof ConnectionAccount)[]

export const noConnections = Object.fromEntries(
  fields.map((field) => [field, 0]),
) as unknown as Required<ConnectionAccount>

/** The account of several processes together: sums, and the slowest of all requests. */
export function addAccounts(accounts: ConnectionAccount[]): Required<ConnectionAccount> {
  const sum = { ...noConnections }
  for (const account of accounts) {
    for (const field of fields) {
      const value = account[field] ?? 0
      sum[field] = field === 'slowestMs' ? Math.max(sum[field], value) : sum[field] + value
    }
  }
  return sum
}
