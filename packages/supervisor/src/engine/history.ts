import type { HistoryEntry } from './engine.js'
import type { ServiceRuntime } from './runtime.js'

/** History is the list of revisions, each with the accounts of the rollouts that went to it. */
export const historyOf = ({ state, receipts }: ServiceRuntime): HistoryEntry[] =>
  state.revisions.map((revision) => ({
    revision,
    receipts: receipts.filter((receipt) => receipt.toRevision === revision.number),
    stable: state.stable === revision.number,
  }))
