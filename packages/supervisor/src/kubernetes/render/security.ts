import type { Json, JsonObject } from '../../model/index.js'
import type { KubernetesService } from './order.js'
import { portsOf } from './ports.js'
import type { KubernetesVersion } from './version.js'
import { has } from './version.js'

/** Fields of securityContext that only a container has. */
const ofContainer = [
  'allowPrivilegeEscalation',
  'capabilities',
  'privileged',
  'procMount',
  'readOnlyRootFilesystem',
]

/** The Pod Security Standard "restricted", plus a read-only root file system. */
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

/** A capability would not help: a program without root only has those of its file. */
const lowPorts: Json = [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '0' }]

export const hasLowPort = ({ spec }: KubernetesService): boolean =>
  portsOf(spec).some(({ port }) => port < 1024)

const numericId = (name: string, id: string | undefined): JsonObject =>
  id !== undefined && /^\d+$/.test(id) ? { [name]: Number(id) } : {}

const select = (fields: JsonObject, wanted: (name: string) => boolean): JsonObject =>
  Object.fromEntries(Object.entries(fields).filter(([name]) => wanted(name)))
