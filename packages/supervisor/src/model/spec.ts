/** An absolute number of instances, or a percentage of `replicas` such as `'25%'`. */
export type IntOrPercent = number | `${number}%`

/** A bound socket that outlives instances. `tcp` and `unix` listen, with `backlog` as in listen(2). */
export type ListenerSpec =
  | { type: 'tcp'; host: string; port: number; backlog: number }
  | { type: 'udp'; host: string; port: number }
  | { type: 'unix'; path: string; mode: number; user?: string; group?: string; backlog: number }

/**
 * What a probe does. Kubernetes' handlers, and `notify`: the instance reports readiness itself (sd_notify(3) or the
 * library). `port` is absent for the first listener that the instance uses: TCP if there is one, else unix.
 */
export type ProbeHandler =
  | { type: 'notify' }
  | {
      type: 'httpGet'
      path: string
      port?: string | number
      host?: string
      scheme: 'HTTP' | 'HTTPS'
      httpHeaders: { name: string; value: string }[]
    }
  | { type: 'tcpSocket'; port?: string | number; host?: string }
  | { type: 'exec'; command: string[] }

/** A probe as in Kubernetes. If `port` is the name of a listener, the probe reaches this very instance, see docs/probes.md. */
export interface ProbeSpec {
  handler: ProbeHandler
  /** Seconds. Default 0. */
  initialDelaySeconds: number
  /** Seconds. Default 10, as in Kubernetes. Until its first success a probe is tried more often. */
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
  /** One instance after the other replaces its own program and keeps its pid. Those that cannot are replaced by a rolling update. */
  | { type: 'InPlace' }

/** One service as the user wants it: validated, every default filled in, JSON-safe. */
export interface ServiceSpec {
  name: string
  /** The program and its arguments as the user wrote them. Each upgrade resolves them again. */
  command: string[]
  /** Absolute, with symbolic links unresolved. Each upgrade follows them again, for example a link `current`. */
  cwd: string
  env: Record<string, string>
  /** Absolute paths of KEY=value files, read at each start of an instance. Later files override earlier ones, `env` overrides all. */
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
  /** `stopSignal`: the name of the signal that makes an instance drain. Default SIGTERM, see `stopSignalOf`. */
  lifecycle?: { stopSignal?: string }
  /** Seconds from the stop signal to SIGKILL. Default 30. */
  terminationGracePeriodSeconds: number
  /** How many old instances may still be draining when the next rollout starts. Default: the larger of 8 and 2 × replicas. */
  maxDraining: number
  drain: {
    /** Seconds until the library closes the remaining connections. Default: the grace period minus one second. */
    timeoutSeconds: number
    /** Seconds for which an idle keep-alive connection stays open for a last request. Default 10. */
    idleSeconds: number
    /** Seconds that requests have waited when the application's own SIGTERM handler may answer them. Default: the library's. */
    patienceSeconds?: number
    /** Which idle HTTP/1 connections move to the next revision. Default: the library's, `stateless`. */
    move?: 'none' | 'stateless' | 'all'
  }
  startupProbe?: ProbeSpec
  readinessProbe?: ProbeSpec
  livenessProbe?: ProbeSpec
  /** Resident memory of an instance's process group in bytes, above which the instance is replaced. Default: no limit. */
  maxMemory?: number
  /** Preload `@handover/process/register` into Node.js programs. Default true. */
  register: boolean
  /** Whether each instance without the library gets a TCP socket of its own and new connections only while ready. Default true. */
  steer?: boolean
  /**
   * What an instance with the library listens on beside `listen` becomes a listener of the service, too. Default true;
   * absent in the journals of earlier versions.
   */
  discover?: boolean
}
