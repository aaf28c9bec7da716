/** Every request has exactly one of these; nothing is ever sent again. */
export const outcomes = [
  /** A whole, well-formed and right answer. */
  'answered',
  /** No connection: refused, or the unix socket does not exist or its queue is full. */
  'refused',
  /** The connection was reset (RST) while the request was in flight. */
  'reset',
  /** The server ended the connection without any byte of the answer. */
  'closedBeforeAnswer',
  /** The server ended the connection in the middle of the answer. */
  'truncated',
  /** The answer is not HTTP/1.1, or nobody asked for it. */
  'malformed',
  /** The answer is well-formed, and not the one that was calibrated or expected. */
  'wrong',
  /** The answer is by an old version, on a connection opened after the upgrade was reported done. */
  'stale',
  /** No whole answer within the time for one request. */
  'timeout',
  /** This machine could not even try: out of ports or descriptors. The measurement is void, the service not at fault. */
  'clientError',
] as const

export type Outcome = (typeof outcomes)[number]
export type FailedOutcome = Exclude<Outcome, 'answered'>
export type OutcomeCounts = Record<Outcome, number>

export const noOutcomes = (): OutcomeCounts =>
  Object.fromEntries(outcomes.map((outcome) => [outcome, 0])) as OutcomeCounts

/** The outcomes that are not `answered`, added up. */
export const countFailures = (counts: OutcomeCounts): number =>
  outcomes.reduce((sum, outcome) => sum + (outcome === 'answered' ? 0 : counts[outcome]), 0)

/** One request that was not answered as it should have been. JSON-safe. */
export interface FailedRequest {
  outcome: FailedOutcome
  /** One sentence: what came instead of the answer. */
  detail: string
  workload: string
  /** The `X-Request-Id` that it carried. */
  id: string
  method: string
  path: string
  /** Its connection, counted from 1 over the whole load, and its place on that connection, counted from 1. */
  connection: number
  requestOnConnection: number
  /** Milliseconds from the connection's opening to the outcome. */
  connectionAgeMs: number
  /** Milliseconds from the start of the load to the outcome. */
  atMs: number
  /** The last upgrade that had begun by then; 0: none. */
  upgrade: number
  /** Whether an upgrade was under way at any moment between the request and its outcome. */
  duringUpgrade: boolean
  /** The version that answered, where it is known. */
  version: string | null
}
