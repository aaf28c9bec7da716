/** Every request has exactly one of these outcomes. No request is sent a second time. */
export const outcomes = [
  /** A complete, well-formed and right answer. */
  'answered',
  /** No connection: refused, or the unix socket does not exist or its queue is full. */
  'refused',
  /** The connection was reset (RST) while the request was in flight. */
  'reset',
  /** The server ended the connection without any byte of the answer. */
  'closedBeforeAnswer',
  /** The server ended the connection in the middle of the answer. */
  'truncated',
  /** The answer is not valid HTTP/1.1, or no request asked for it. */
  'malformed',
  /** The answer is well-formed, but not the calibrated or expected one. */
  'wrong',
  /** An old version answered on a connection opened after the upgrade was reported done. */
  'stale',
  /** There was no complete answer within the time for one request. */
  'timeout',
  /** This machine could not connect: it has no free ports or descriptors. The measurement is void. */
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
  /** One sentence that says what happened instead of the answer. */
  detail: string
  workload: string
  /** The `X-Request-Id` that it carried. */
  id: string
  method: string
  path: string
  /** Number of its connection, counted from 1 over the whole load. */
  connection: number
  /** Its number on that connection, counted from 1. */
  requestOnConnection: number
  /** Milliseconds from the connection's opening to the outcome. */
  connectionAgeMs: number
  /** Milliseconds from the start of the load to the outcome. */
  atMs: number
  /** Number of the last upgrade that had begun by then. 0 before the first. */
  upgrade: number
  /** Whether an upgrade was under way at any moment between the request and its outcome. */
  duringUpgrade: boolean
  /** The version that answered. Null if it is not known. */
  version: string | null
}
