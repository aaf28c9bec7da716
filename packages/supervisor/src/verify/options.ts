import type { Calibration } from './calibration.js'
import type { Identify } from './identify.js'
import type { FailedRequest, Outcome } from './outcome.js'

export type Target = { host: string; port: number } | { path: string }

/** Smallest and largest value, both included. Values are drawn uniformly. */
export type Range = readonly [min: number, max: number]

/** Keep-alive clients. Each pauses, sends a request, reads the answer and repeats this on one connection. */
export interface KeepAliveLoad {
  connections: number
  thinkMs: Range
}

/** The kinds of load. All that are set run at the same time. */
export interface Workloads {
  /** One connection per request with `Connection: close`, at a fixed rate that does not depend on earlier answers. */
  newConnections?: { perSecond: number }
  keepAlive?: KeepAliveLoad[]
  /**
   * Requests that last about `ms`. With a `path`, `?ms=` and a value from the range is added, and the service is slow.
   * Without it, the client is slow: half of the time while it sends the request, half before it reads the answer.
   */
  slow?: { concurrency: number; path?: string; ms: Range }
  /** POSTs with a body of `bytes`, sent in small pieces. The header is split, too. */
  uploads?: { concurrency: number; bytes: number; path?: string }
  /** Long answers, compared byte for byte with `expect`, or with the calibrated body if it is not set. */
  streams?: { concurrency: number; path: string; expect?: Uint8Array }
  /** `depth` GETs in one write. When all are answered, in order, the next batch follows. */
  pipelining?: { connections: number; depth: number }
}

/** A process that serves, including its children, and the name of its revision, which must not be used again. */
export interface ProcessRevision {
  pid: number
  revision: string
}

export interface LoadOptions {
  target: Target
  /** Returns the target of the next connection, for tests that act as a load balancer. Default `target`. */
  route?: () => Target
  /** Path of workloads that name none. Default `/`. */
  path?: string
  /** Added to every request. `Host` replaces the default, which is the target. */
  headers?: Record<string, string>
  workloads: Workloads
  /** Milliseconds that one request may take, including the connection. Default 30,000. */
  timeoutMs?: number
  /** Finds the version in an answer. It must change with every upgrade, and must not be used again. */
  identify?: Identify
  /**
   * Finds out from /proc which process accepted a connection. Only for TCP on this machine. After each upgrade, it is
   * done for `connections` (default 16) additional connections.
   */
  identifyByProcess?: {
    processes: () => ProcessRevision[] | Promise<ProcessRevision[]>
    connections?: number
  }
  /** The right answers, from `calibrate`. Without it, any well-formed answer with a status below 500 is right. */
  calibration?: Calibration
  /** Stop at the first failure. Default false. */
  stopAtFirstFailure?: boolean
  /** Called synchronously for each outcome, so it must be fast. */
  onOutcome?: (outcome: Outcome, workload: string) => void
  onFailure?: (failure: FailedRequest) => void
}

export const defaultTimeoutMs = 30_000
export const defaultProcessConnections = 16

export const draw = ([min, max]: Range): number => min + Math.random() * (max - min)

/** `127.0.0.1:3000`, `[::1]:3000` or `unix:/run/web.sock`. */
export function describeTarget(target: Target): string {
  if ('path' in target) return `unix:${target.path}`
  return target.host.includes(':') ? `[${target.host}]:${target.port}` : `${target.host}:${target.port}`
}
