import type { Calibration } from './calibration.js'
import type { Identify } from './identify.js'
import type { FailedRequest, Outcome } from './outcome.js'

export type Target = { host: string; port: number } | { path: string }

/** Smallest and largest value, both included; each draw is uniform. */
export type Range = readonly [min: number, max: number]

/** A keep-alive client: it thinks, asks, reads the answer, and thinks again, on one connection for as long as it lasts. */
export interface KeepAliveLoad {
  connections: number
  thinkMs: Range
}

/** What is asked of the service, each part at the same time as the others. Absent: not done. */
export interface Workloads {
  /** A connection per request with `Connection: close`, begun on time whatever became of the ones before (open loop). */
  newConnections?: { perSecond: number }
  keepAlive?: KeepAliveLoad[]
  /**
   * Requests that last about `ms`. With a `path`: `?ms=` (drawn from the range) is added, and the service takes
   * its time. Without: the client does, half of it in sending the request, half in reading the answer.
   */
  slow?: { concurrency: number; path?: string; ms: Range }
  /** POSTs of `bytes`, written in small pieces, the first of them split inside the headers. */
  uploads?: { concurrency: number; bytes: number; path?: string }
  /** Long answers, compared byte for byte: with `expect`, else with the calibrated body. */
  streams?: { concurrency: number; path: string; expect?: Uint8Array }
  /** `depth` GETs in one write, answered in order; then the next batch. */
  pipelining?: { connections: number; depth: number }
}

/** Who serves: a process (its children belong to it) and the name of its revision, which must never come back. */
export interface ProcessRevision {
  pid: number
  revision: string
}

export interface LoadOptions {
  target: Target
  /** Where a connection that is opened now goes, if that changes: what balances the load decides. Default `target`. */
  route?: () => Target
  /** Path of workloads that name none. Default `/`. */
  path?: string
  /** Added to every request; `Host` replaces the default, which is the target. */
  headers?: Record<string, string>
  workloads: Workloads
  /** Milliseconds that one request may take, connection included. Default 30 000. */
  timeoutMs?: number
  /** Where an answer names its version, which must change with every upgrade and never come back. */
  identify?: Identify
  /** Ask the kernel who accepted: TCP on this machine only. Done after each upgrade on `connections` (default 16) extra ones. */
  identifyByProcess?: {
    processes: () => ProcessRevision[] | Promise<ProcessRevision[]>
    connections?: number
  }
  /** What is right, from `calibrate`. Without it only the form and a status below 500 are asked for. */
  calibration?: Calibration
  /** Stop at the first failure. Default false. */
  stopAtFirstFailure?: boolean
  /** Called for each outcome, at once; keep it short. */
  onOutcome?: (outcome: Outcome, workload: string) => void
  onFailure?: (failure: FailedRequest) => void
}

export const defaultTimeoutMs = 30_000
export const defaultProcessConnections = 16

export const draw = ([min, max]: Range): number => min + Math.random() * (max - min)

/** As a person writes it: `127.0.0.1:3000`, `[::1]:3000`, `unix:/run/web.sock`. */
export function describeTarget(target: Target): string {
  if ('path' in target) return `unix:${target.path}`
  return target.host.includes(':') ? `[${target.host}]:${target.port}` : `${target.host}:${target.port}`
}
