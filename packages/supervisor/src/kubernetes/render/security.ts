import type { Json, JsonObject } from '../../model/index.js'
import type { KubernetesService } from './order.js'
import { portsOf } from './ports.js'
import type { KubernetesVersion } from './version.js'
import { has } from './version.js'

/** Fields of a container's securityContext that a pod's does not have. */
const ofContainer = [
  'allowPrivilegeEscalation',
  'capabilities',
  'privileged',
  'procMount',
  'readOnlyRootFilesystem',
]

/** What the Pod Security Standard "restricted" asks for, and a root file system that cannot be written to. */
const hardenedContainer: JsonObject = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  readOnlyRootFilesystem: true,
}

export function podSecurity(service: KubernetesService, version: KubernetesVersion): JsonObject {
  const { spec, kubernetes } = service
  return {
    runAsNonRoot: true,
    ...numericId('runAsUser', spec.user),
    ...numericId('runAsGroup', spec.group),
    seccompProfile: { type: 'RuntimeDefault' },
    ...(hasLowPort(service) && has(version, 'unprivilegedPortSysctl') && { sysctls: lowPorts }),
    ...select(kubernetes.securityContext, (name) => !ofContainer.includes(name)),
  }
}

export const containerSecurity = ({ kubernetes }: KubernetesService): JsonObject => ({
  ...hardenedContainer,
  ...select(kubernetes.securityContext, (name) => ofContainer.includes(name)),
})

/** A capability would not do: without root, a program has those of its file only. */
const lowPorts: Json = [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '0' }]

export const hasLowPort = ({ spec }: KubernetesService): boolean =>
  portsOf(spec).some(({ port }) => port < 1024)

const numericId = (name: string, id: string | undefined): JsonObject =>
  id !== undefined && /^\d+$/.test(id) ? { [name]: Number(id) } : {}

const select = (fields: JsonObject, wanted: (name: string) => boolean): JsonObject =>
  Object.fromEntries(Object.entries(fields).filter(([name]) => wanted(name)))
