import type { FailedRequest, OutcomeCounts } from './outcome.js'
import type { UpgradeWindow } from './timeline.js'
import type { VersionFigure } from './versions.js'

/** Milliseconds of the answered requests. All are 0 if there are none. */
export interface Latency {
  count: number
  p50Ms: number
  p99Ms: number
  maxMs: number
}

export interface LatencyFigures {
  overall: Latency
  /** Requests that were in flight at any moment of an upgrade. */
  duringUpgrade: Latency
  otherwise: Latency
}

export interface ConnectionFigures {
  opened: number
  /** Closed by the server with a FIN, without an announcement, while no request was in flight. */
  closedIdle: number
  /** Reset by the server while no request was in flight. */
  resetIdle: number
  /** Ended after a `Connection: close` of the client or the server. */
  announcedCloses: number
}

export interface WorkloadReport {
  name: string
  requests: number
  outcomes: OutcomeCounts
  connections: ConnectionFigures
  latency: LatencyFigures
}

/** The account of a load: `requests = inFlight + the sum of all outcomes`. JSON-safe. */
export interface LoadReport {
  target: string
  seconds: number
  requests: number
  inFlight: number
  answered: number
  failed: number
  requestsPerSecond: number
  outcomes: OutcomeCounts
  connections: ConnectionFigures
  latency: LatencyFigures
  workloads: WorkloadReport[]
  upgrades: UpgradeWindow[]
  /** The versions that answered, at most 100. Empty without `identify`. */
  versions: VersionFigure[]
  /** Connections whose process was looked up after an upgrade. Null without `identifyByProcess`. */
  processes: { sampled: number; unknown: number; revisions: VersionFigure[] } | null
  /** How the answers of each path are compared. */
  paths: { method: string; path: string; compared: 'status and body' | 'status' }[]
  /** The first 20. */
  failures: FailedRequest[]
  /** How late this program's own event loop was. The latencies include it. */
  client: { lagP99Ms: number; lagMaxMs: number }
}
