import type { JsonObject } from '../../model/index.js'
import { configMapName } from './config-map.js'
import { environmentOf } from './environment.js'
import { graceOf, preStopOf } from './grace.js'
import { compact, fieldOf, isObject, listOf } from './json.js'
import { selectorOf } from './metadata.js'
import type { KubernetesService } from './order.js'
import { containerPorts } from './ports.js'
import { probesOf } from './probes.js'
import { podStopSignal } from './stop-signal.js'
import { containerSecurity, podSecurity } from './security.js'
import type { KubernetesVersion } from './version.js'
import { has } from './version.js'

export function podSpec(service: KubernetesService, version: KubernetesVersion): JsonObject {
  const { pod } = service.kubernetes
  const {
    topologySpreadConstraints = spread(service, version),
    automountServiceAccountToken = pod['serviceAccountName'] !== undefined,
    volumes,
    ...rest
  } = pod
  return compact({
    terminationGracePeriodSeconds: graceOf(service, version).total,
    automountServiceAccountToken,
    // Kubernetes would set variables for each Service: "port" would become PORT_…, "handover" HANDOVER_….
    enableServiceLinks: false,
    securityContext: podSecurity(service, version),
    // Required beside lifecycle.stopSignal.
    os: has(version, 'stopSignal') && podStopSignal(service) !== undefined ? { name: 'linux' } : undefined,
    ...rest,
    containers: [container(service, version)],
    volumes: [...listOf(volumes), ...ownMounts(service).map(({ volume }) => volume)],
    topologySpreadConstraints,
  })
}

function container(service: KubernetesService, version: KubernetesVersion): JsonObject {
  const { image, container } = service.kubernetes
  const { command, args, workingDir, imagePullPolicy, envFrom, resources, volumeMounts } = container
  const { startupProbe, readinessProbe, livenessProbe } = probesOf(service)
  return compact({
    name: service.spec.name,
    image,
    imagePullPolicy,
    command,
    args,
    workingDir,
    ports: containerPorts(service),
    env: environmentOf(service, version),
    envFrom: [...configMapSource(service), ...listOf(envFrom)],
    resources,
    startupProbe,
    readinessProbe,
    livenessProbe,
    lifecycle: lifecycleOf(service, version),
    securityContext: containerSecurity(service),
    volumeMounts: [...listOf(volumeMounts), ...ownMounts(service).map(({ mount }) => mount)],
  })
}

function lifecycleOf(service: KubernetesService, version: KubernetesVersion): JsonObject {
  const { kubernetes } = service
  const stopSignal = podStopSignal(service)
  const { hook } = preStopOf(kubernetes.container, kubernetes.drain, version)
  const own = kubernetes.container['lifecycle']
  const { stopSignal: _, ...hooks }: JsonObject = isObject(own) ? own : {}
  return {
    ...hooks,
    ...(hook !== null && { preStop: hook }),
    ...(stopSignal !== undefined && has(version, 'stopSignal') && { stopSignal }),
  }
}

interface Mount {
  volume: JsonObject
  mount: JsonObject
}

/** A writable /tmp, since the root file system is read-only, and the files of the ConfigMap. */
function ownMounts(service: KubernetesService): Mount[] {
  const { pod, container, configMap } = service.kubernetes
  const taken =
    listOf(pod['volumes']).some(({ name }) => name === 'tmp') ||
    listOf(container['volumeMounts']).some(({ mountPath }) => mountPath === '/tmp')
  const mounts: Mount[] = taken
    ? []
    : [{ volume: { name: 'tmp', emptyDir: {} }, mount: { name: 'tmp', mountPath: '/tmp' } }]
  if (configMap?.mountPath === undefined) return mounts
  return [
    ...mounts,
    {
      volume: { name: 'config', configMap: { name: configMapName(service) } },
      mount: { name: 'config', mountPath: configMap.mountPath, readOnly: true },
    },
  ]
}

const configMapSource = (service: KubernetesService): JsonObject[] =>
  service.kubernetes.configMap !== undefined && service.kubernetes.configMap.mountPath === undefined
    ? [{ configMapRef: { name: configMapName(service) } }]
    : []

/** Over nodes and zones where possible: a strict rule would stall the rollout when a pod does not fit. */
const spread = (service: KubernetesService, version: KubernetesVersion): JsonObject[] =>
  ['kubernetes.io/hostname', 'topology.kubernetes.io/zone'].map((topologyKey) =>
    compact({
      maxSkew: 1,
      topologyKey,
      whenUnsatisfiable: 'ScheduleAnyway',
      labelSelector: { matchLabels: selectorOf(service) },
      // Counts only pods of the same revision: the old ones are about to end.
      matchLabelKeys: has(version, 'matchLabelKeys') ? ['pod-template-hash'] : undefined,
    }),
  )

export const resourceOf = ({ kubernetes }: KubernetesService, name: string) =>
  fieldOf(fieldOf(kubernetes.container['resources'], 'requests'), name)
