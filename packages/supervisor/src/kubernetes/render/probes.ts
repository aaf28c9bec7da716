import type { Json, JsonObject, ProbeSpec, ServiceSpec } from '../../model/index.js'
import { compact } from './json.js'
import type { KubernetesService } from './order.js'
import { firstTcpPort, probesPortName } from './ports.js'

export type ProbeName = 'startupProbe' | 'readinessProbe' | 'livenessProbe'

export interface Probes {
  startupProbe: Json | undefined
  readinessProbe: Json | undefined
  livenessProbe: Json | undefined
  /** Whether the startup probe is derived, since none is configured. */
  derivedStartup: boolean
  /** Whether the readiness probe only checks for an open port. */
  portOnly: boolean
}

/** For each probe: that of the section, of the service, the library's endpoint, or a default. */
export function probesOf(service: KubernetesService): Probes {
  const { container, probesPort } = service.kubernetes
  const given = (name: ProbeName) => container[name] ?? translated(service, name)
  const served = (path: string) =>
    probesPort === undefined ? undefined : { httpGet: { path, port: probesPortName } }
  const port = firstTcpPort(service.spec)
  const openPort = port && { tcpSocket: { port: port.name }, periodSeconds: 2 }
  const liveness = given('livenessProbe') ?? served('/livez')
  const readiness = given('readinessProbe') ?? served('/readyz')
  const derived = served('/startupz') ?? liveness
  return {
    startupProbe: given('startupProbe') ?? (derived && patient(derived, service)),
    readinessProbe: readiness ?? openPort,
    livenessProbe: liveness,
    derivedStartup: given('startupProbe') === undefined && derived !== undefined,
    portOnly: readiness === undefined && openPort !== undefined,
  }
}

/** A startup probe that allows the rollout's deadline, so that the liveness probe kills no pod that is starting. */
const patient = (
  probe: Json,
  { kubernetes: { progressDeadlineSeconds } }: KubernetesService,
): JsonObject => ({
  ...Object.fromEntries(Object.entries(probe as JsonObject).filter(([name]) => handlers.includes(name))),
  periodSeconds: 2,
  failureThreshold: Math.max(1, Math.ceil(progressDeadlineSeconds / 2)),
})

const handlers = ['httpGet', 'tcpSocket', 'exec', 'grpc']

/** Why kubelet cannot run a probe of the service. Null if it can, or if there is no probe. */
export function obstacleOf({ spec }: KubernetesService, name: ProbeName): string | null {
  const handler = spec[name]?.handler
  if (handler === undefined) return null
  if (handler.type === 'notify') return 'waits for READY=1, which no process receives in a pod'
  if (handler.type === 'exec') return null
  const port = handler.port ?? firstListener(spec)
  if (port === undefined) return 'has no port, and no listener is configured'
  if (typeof port === 'string' && spec.listen[port] === undefined)
    return `uses "${port}", which is not one of the configured listeners`
  if (typeof port === 'string' && spec.listen[port]?.type === 'unix')
    return `uses "${port}", a unix socket, which kubelet cannot reach`
  return null
}

function translated(service: KubernetesService, name: ProbeName): JsonObject | undefined {
  const probe = service.spec[name]
  return probe === undefined || obstacleOf(service, name) !== null ? undefined : toProbe(probe, service.spec)
}

/** The listener of a probe without a port. */
const firstListener = (spec: ServiceSpec): string | undefined =>
  firstTcpPort(spec)?.name ?? Object.keys(spec.listen).find((name) => spec.listen[name]?.type === 'unix')

/** Kubernetes counts whole seconds, at least 1. */
const wholeSeconds = (seconds: number): number => Math.max(1, Math.ceil(seconds))

const toProbe = (probe: ProbeSpec, spec: ServiceSpec): JsonObject => ({
  ...toHandler(probe, spec),
  ...(probe.initialDelaySeconds > 0 && { initialDelaySeconds: Math.ceil(probe.initialDelaySeconds) }),
  periodSeconds: wholeSeconds(probe.periodSeconds),
  timeoutSeconds: wholeSeconds(probe.timeoutSeconds),
  ...(probe.successThreshold > 1 && { successThreshold: probe.successThreshold }),
  failureThreshold: probe.failureThreshold,
})

function toHandler({ handler }: ProbeSpec, spec: ServiceSpec): JsonObject {
  switch (handler.type) {
    case 'httpGet': {
      const { path, port = firstListener(spec), host, scheme, httpHeaders } = handler
      const other = scheme === 'HTTP' ? undefined : scheme
      return { httpGet: compact({ path, port, host, scheme: other, httpHeaders }) }
    }
    case 'tcpSocket':
      return { tcpSocket: compact({ port: handler.port ?? firstListener(spec), host: handler.host }) }
    case 'exec':
      return { exec: { command: handler.command } }
    case 'notify':
      return {}
  }
}
