import type { JsonObject } from '../../model/index.js'
import { textOf } from './json.js'
import { graceOf, preStopOf } from './grace.js'
import type { KubernetesService } from './order.js'
import { firstTcpPort } from './ports.js'
import { podStopSignal } from './stop-signal.js'
import type { KubernetesVersion } from './version.js'

/** Variables for the library, PORT, the service's env, and the section's env; later ones override earlier ones. */
export function environmentOf(service: KubernetesService, version: KubernetesVersion): JsonObject[] {
  const { spec, kubernetes } = service
  const port = firstTcpPort(spec)
  const variables = new Map<string, JsonObject>()
  const set = (variable: JsonObject) => variables.set(textOf(variable['name']) ?? '', variable)
  for (const [name, value] of Object.entries(drainVariables(service, version))) set({ name, value })
  if (port !== undefined) set({ name: 'PORT', value: String(port.port) })
  for (const [name, value] of Object.entries(spec.env)) set({ name, value: escapeReferences(value) })
  for (const variable of kubernetes.env) set(variable)
  preload(service, variables)
  return [...variables.values()]
}

/** Variables that the library reads, for which the delay is a part of the drain. */
function drainVariables(service: KubernetesService, version: KubernetesVersion): Record<string, string> {
  const { spec, kubernetes } = service
  const { seconds, certain } = preStopOf(kubernetes.container, kubernetes.drain, version)
  const { delay, drain, total } = graceOf(service, version)
  const stopSignal = podStopSignal(service)
  return {
    HANDOVER_GRACE_SECONDS: String(total),
    HANDOVER_DRAIN_SECONDS: String(delay + drain),
    HANDOVER_IDLE_SECONDS: String(spec.drain.idleSeconds),
    ...(stopSignal !== undefined && { HANDOVER_STOP_SIGNAL: stopSignal }),
    ...(spec.drain.patienceSeconds !== undefined && {
      HANDOVER_PATIENCE_SECONDS: String(spec.drain.patienceSeconds),
    }),
    HANDOVER_DRAIN_DELAY_SECONDS: String(kubernetes.drain.delaySeconds),
    ...(certain && seconds > 0 && { HANDOVER_PRESTOP_SECONDS: String(seconds) }),
    ...(kubernetes.probesPort !== undefined && { HANDOVER_PROBES_PORT: String(kubernetes.probesPort) }),
  }
}

function preload({ kubernetes: { register } }: KubernetesService, variables: Map<string, JsonObject>): void {
  if (register === false) return
  const module = register === true ? '@handover/process/register' : register
  const own = textOf(variables.get('NODE_OPTIONS')?.['value'])
  const value = [`--import ${quoteOption(module)}`, ...(own ? [own] : [])].join(' ')
  variables.set('NODE_OPTIONS', { name: 'NODE_OPTIONS', value })
}

/** Node splits NODE_OPTIONS at spaces outside double quotes. */
const quoteOption = (word: string): string => (/\s/.test(word) ? JSON.stringify(word) : word)

/** In Kubernetes `$(NAME)` refers to another variable; on one machine it is plain text. */
const escapeReferences = (value: string): string => value.replaceAll('$(', '$$$$(')
