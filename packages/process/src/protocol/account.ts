/**
 * The connections of one instance, counted by how they began and ended. At any time
 * `accepted + adopted = endedByPeer + endedOrderly + endedAtDeadline + handedOver + open`.
 */
export interface ConnectionAccount {
  /** Accepted from a listener. */
  accepted: number
  /** Received, already established, from a predecessor. */
  adopted: number
  /** Requests whose response was sent to the last byte. */
  answered: number
  /** Ended by the client, between requests or during one. */
  endedByPeer: number
  /** Ended by the instance where the protocol allows it: after `Connection: close`, an idle timeout, GOAWAY. */
  endedOrderly: number
  /** Cut by the drain deadline. */
  endedAtDeadline: number
  /** Moved to a successor, still open. */
  handedOver: number
  /** Open now. */
  open: number
  /** Open connections with a request in flight. */
  active: number
  /** Closed on arrival because of `server.maxConnections`. Not included in `accepted`. */
  refused?: number
  /** The longest time from a request to the last byte of its response, in milliseconds. Reset when a drain begins. */
  slowestMs?: number
  /** Read from the service's UDP sockets. Absent or 0 without such sockets. */
  datagramsReceived?: number
  /** Sent from the service's UDP sockets. Absent or 0 without such sockets. */
  datagramsSent?: number
}

/** Serves in addition to the servers of this process, and is part of its account: cluster workers, or UDP sockets. */
export interface Participant {
  readonly account: ConnectionAccount
  /** Calls `changed` when the account has changed. Returns a function that ends the subscription. */
  subscribe(changed: () => void): () => void
  /** Resolves when it no longer accepts connections or reads datagrams. */
  stopAccepting(): Promise<void>
  /** Resolves when its last connection has ended, with descriptions of those that were cut. */
  finished(): Promise<string[]>
}

/** Every field of an account. A library of another version may leave out an optional one. */
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

/** Adds up all fields except `slowestMs`, for which it takes the maximum. */
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
