import type { ConnectionAccount } from '../protocol.js'

/** Somebody else who serves connections in the name of this process: the workers of a node:cluster primary, or UDP sockets. */
export interface Participant {
  readonly account: ConnectionAccount
  /** To be called when the account has changed. */
  changed: () => void
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
