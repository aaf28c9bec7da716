/** What the user asked for: one service, validated and with every default filled in. Plain data, JSON-safe. */

/** An absolute number of instances, or a percentage of `replicas` such as `'25%'`. */
export type IntOrPercent = number | `${number}%`

/** A named, bound, listening socket that outlives instances. */
export type ListenerSpec =
  | { type: 'tcp'; host: string; port: number; backlog: number }
  | { type: 'udp'; host: string; port: number }
  | { type: 'unix'; path: string; mode: number; user?: string; group?: string; backlog: number }

/** How a probe asks. Kubernetes' handlers, and `notify`: the instance says so itself (sd_notify(3), or our library). */
export type ProbeHandler =
  | { type: 'notify' }
  | {
      type: 'httpGet'
      path: string
      port: string | number
      host?: string
      scheme: 'HTTP' | 'HTTPS'
      httpHeaders: { name: string; value: string }[]
    }
  | { type: 'tcpSocket'; port: string | number; host?: string }
  | { type: 'exec'; command: string[] }

/** Kubernetes' probe. A `port` that is a listener's name reaches *this* instance, see docs/probes.md. */
export interface ProbeSpec {
  handler: ProbeHandler
  /** Seconds. Default 0. */
  initialDelaySeconds: number
  /** Seconds. Default 10 (Kubernetes); until the first success a readiness probe is tried more often. */
  periodSeconds: number
  /** Seconds. Default 1. */
  timeoutSeconds: number
  /** Default 1. */
  successThreshold: number
  /** Default 3. */
  failureThreshold: number
}

export type StrategySpec =
  | { type: 'RollingUpdate'; rollingUpdate: { maxSurge: IntOrPercent; maxUnavailable: IntOrPercent } }
  | { type: 'Recreate' }
  /** Each instance, one after the other, replaces its own program: same pid. What cannot is replaced as by a rolling update. */
  | { type: 'InPlace' }

export interface ServiceSpec {
  name: string
  /** The program and its arguments, as the user wrote them: resolved anew at each upgrade. */
  command: string[]
  /** Absolute, but with symbolic links unresolved: a `current` link is followed anew at each upgrade. */
  cwd: string
  env: Record<string, string>
  /** Absolute paths of KEY=value files, read at each start of an instance; later ones win, `env` wins over all. */
  envFiles: string[]
  user?: string
  group?: string
  replicas: number
  listen: Record<string, ListenerSpec>
  strategy: StrategySpec
  /** Seconds. Default 0. */
  minReadySeconds: number
  /** Seconds. Default 60. */
  progressDeadlineSeconds: number
  /** Default 10. */
  revisionHistoryLimit: number
  /** Seconds from SIGTERM to SIGKILL. Default 30. */
  terminationGracePeriodSeconds: number
  /** How many old instances may still drain when the next rollout starts. Default: the larger of 8 and 2 × replicas. */
  maxDraining: number
  drain: {
    /** Seconds until the library ends what is left. Default: the grace period less one second. */
    timeoutSeconds: number
    /** Seconds for which an idle keep-alive connection is left open for its last request. Default 10. */
    idleSeconds: number
  }
  startupProbe?: ProbeSpec
  readinessProbe?: ProbeSpec
  livenessProbe?: ProbeSpec
  /** Bytes that an instance's process group may have in memory (resident) before it is replaced. Default: no limit. */
  maxMemory?: number
  /** Preload `@handover/process/register` into Node programs. Default true. */
  register: boolean
}
