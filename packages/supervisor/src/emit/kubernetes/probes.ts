import type { Json, JsonObject, ProbeSpec } from '../../model/index.js'
import { compact } from './json.js'
import type { KubernetesService } from './order.js'
import { firstTcpPort, probesPortName } from './ports.js'

export type ProbeName = 'startupProbe' | 'readinessProbe' | 'livenessProbe'

export interface Probes {
  startupProbe?: Json
  readinessProbe?: Json
  livenessProbe?: Json
  /** Whether the startup probe was made from the liveness probe. */
  derivedStartup: boolean
  /** Whether readiness can only be told from an open port. */
  portOnly: boolean
}

/** Of each probe: the section's own, the service's, what the library serves; else what can be told without. */
export function probesOf(service: KubernetesService): Probes {
  const { container, probesPort, progressDeadlineSeconds } = service.kubernetes
  const probe = (name: ProbeName, path: string): Json | undefined =>
    container[name] ??
    translated(service, name) ??
    (probesPort === undefined ? undefined : { httpGet: { path, port: probesPortName } })
  const liveness = probe('livenessProbe', '/livez')
  const readiness = probe('readinessProbe', '/readyz')
  const startup = probe('startupProbe', '/startupz')
  const port = firstTcpPort(service.spec)
  const fallback = port === undefined ? undefined : { tcpSocket: { port: port.name }, periodSeconds: 2 }
  // Only what would be killed needs its time to start.
  const patience = { periodSeconds: 2, failureThreshold: Math.max(1, Math.ceil(progressDeadlineSeconds / 2)) }
  const derived = container['startupProbe'] === undefined && translated(service, 'startupProbe') === undefined
  const source = derived ? (probesPort === undefined ? liveness : startup) : startup
  return {
    ...(source !== undefined && { startupProbe: derived ? { ...handlerOf(source), ...patience } : source }),
    ...definedProbe('readinessProbe', readiness ?? fallback),
    ...definedProbe('livenessProbe', liveness),
    derivedStartup: derived && source !== undefined,
    portOnly: readiness === undefined && fallback !== undefined,
  }
}

const definedProbe = (name: string, probe: Json | undefined) => (probe === undefined ? {} : { [name]: probe })

const handlers = ['httpGet', 'tcpSocket', 'exec', 'grpc']
const handlerOf = (probe: Json): JsonObject =>
  Object.fromEntries(Object.entries(probe as JsonObject).filter(([name]) => handlers.includes(name)))

/** Why a probe of the service cannot be one of a pod; null where it can, or is not there. */
export function obstacleOf({ spec }: KubernetesService, name: ProbeName): string | null {
  const handler = spec[name]?.handler
  if (handler === undefined) return null
  if (handler.type === 'notify') return 'waits for READY=1, which nobody hears in a pod'
  const port = 'port' in handler ? handler.port : undefined
  if (typeof port === 'string' && spec.listen[port]?.type === 'unix')
    return `asks on "${port}", a unix socket, which kubelet cannot`
  return null
}

function translated(service: KubernetesService, name: ProbeName): JsonObject | undefined {
  const probe = service.spec[name]
  return probe === undefined || obstacleOf(service, name) !== null ? undefined : toProbe(probe)
}

/** Kubernetes counts whole seconds, from 1 on. */
const wholeSeconds = (seconds: number): number => Math.max(1, Math.ceil(seconds))

const toProbe = (probe: ProbeSpec): JsonObject => ({
  ...toHandler(probe),
  ...(probe.initialDelaySeconds > 0 && { initialDelaySeconds: Math.ceil(probe.initialDelaySeconds) }),
  periodSeconds: wholeSeconds(probe.periodSeconds),
  timeoutSeconds: wholeSeconds(probe.timeoutSeconds),
  ...(probe.successThreshold > 1 && { successThreshold: probe.successThreshold }),
  failureThreshold: probe.failureThreshold,
})

function toHandler({ handler }: ProbeSpec): JsonObject {
  switch (handler.type) {
    case 'httpGet': {
      const { path, port, host, scheme, httpHeaders } = handler
      const other = scheme === 'HTTP' ? undefined : scheme
      return { httpGet: compact({ path, port, host, scheme: other, httpHeaders }) }
    }
    case 'tcpSocket':
      return { tcpSocket: compact({ port: handler.port, host: handler.host }) }
    case 'exec':
      return { exec: { command: handler.command } }
    case 'notify':
      return {}
  }
}
