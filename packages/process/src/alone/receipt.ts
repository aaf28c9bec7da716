import type { ConnectionAccount } from '../protocol/account.js'

/** The account of one upgrade, as the process that was replaced saw it. */
export interface UpgradeReceipt {
  from: { pid: number; account: ConnectionAccount }
  /** `account`: the newest figures that the new process told of, when the old one had nothing left. */
  to: { pid: number; account: ConnectionAccount | null }
  /** Seconds from the beginning of the upgrade. */
  phases: Record<Phase, number | null>
  /** What was cut at the deadline of the drain; empty when everything was finished or moved. */
  cut: string[]
  /** Every connection of this process is accounted for, and what it gave was received. */
  balanced: boolean
}

export const phases = ['started', 'listening', 'ready', 'stoppedAccepting', 'drained'] as const
export type Phase = (typeof phases)[number]

/** `accepted + adopted = ended + handedOver + open`; what was handed over is among what the other side adopted. */
export function isBalanced(from: ConnectionAccount, to: ConnectionAccount | null): boolean {
  const { accepted, adopted, endedByPeer, endedOrderly, endedAtDeadline, handedOver, open } = from
  const ended = endedByPeer + endedOrderly + endedAtDeadline
  const received = handedOver === 0 || (to !== null && to.adopted >= handedOver)
  return accepted + adopted === ended + handedOver + open && open === 0 && received
}
