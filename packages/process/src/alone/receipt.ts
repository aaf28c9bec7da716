import type { ConnectionAccount } from '../protocol/account.js'

/** What one upgrade did, as the process that was replaced saw it. */
export interface UpgradeReceipt {
  from: { pid: number; account: ConnectionAccount }
  /** `account`: the new process's latest account when the old one had no connection left, or null if it sent none. */
  to: { pid: number; account: ConnectionAccount | null }
  /** Seconds from the beginning of the upgrade, or null for a phase that was not reached. */
  phases: Record<Phase, number | null>
  /** The requests that were cut at the drain's deadline. Empty if all were finished or moved. */
  cut: string[]
  /** Every connection of this process is accounted for, and every connection that it moved was received. */
  balanced: boolean
}

export const phases = ['started', 'listening', 'ready', 'stoppedAccepting', 'drained'] as const
export type Phase = (typeof phases)[number]

/** `accepted + adopted = ended + handedOver + open`, and the new process has received at least what was handed over. */
export function isBalanced(from: ConnectionAccount, to: ConnectionAccount | null): boolean {
  const { accepted, adopted, endedByPeer, endedOrderly, endedAtDeadline, handedOver, open } = from
  const ended = endedByPeer + endedOrderly + endedAtDeadline
  const received = handedOver === 0 || (to !== null && to.adopted >= handedOver)
  return accepted + adopted === ended + handedOver + open && open === 0 && received
}
