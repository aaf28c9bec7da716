import { mebibytes } from '../../model/index.js'
import { preStopOf } from './grace.js'
import { fieldOf, listOf } from './json.js'
import type { KubernetesOrder, KubernetesService } from './order.js'
import { portsOf, servicePorts } from './ports.js'
import { obstacleOf, probesOf } from './probes.js'
import { hasLowPort } from './security.js'
import { stopSignalNotes } from './stop-signal.js'
import type { KubernetesVersion } from './version.js'
import { has, showVersion } from './version.js'

/** Sentences on settings that have no effect in a cluster, or a surprising one; each begins with its place. */
export const notesOf = (order: KubernetesOrder): string[] =>
  order.services.flatMap((service) =>
    [
      ...programNotes(service, order.folder),
      ...rolloutNotes(service),
      ...listenerNotes(service),
      ...probeNotes(service),
      ...drainNotes(service, order.version),
      ...stopSignalNotes(service, order.version),
      ...imageNotes(service),
      ...resourceNotes(service),
      ...memoryNotes(service),
      ...portNotes(service, order.version),
    ].map((note) => `services.${service.spec.name}.${note}`),
  )

/** Program, folder, files and user come from the image. */
function programNotes({ spec, kubernetes }: KubernetesService, folder: string | undefined): string[] {
  const { command, args } = kubernetes.container
  const program = spec.command.join(' ')
  const { runAsUser, runAsGroup } = kubernetes.securityContext
  const isName = (id: string | undefined) => id !== undefined && !/^\d+$/.test(id)
  return [
    ...(command === undefined && args === undefined
      ? [
          `command is "${program}": a pod runs the image's own command unless kubernetes.command or kubernetes.args is set`,
        ]
      : []),
    ...(folder !== undefined && spec.cwd !== folder
      ? [`cwd is "${spec.cwd}", a folder of one machine: in a cluster the image is the release`]
      : []),
    ...(spec.envFiles.length > 0
      ? [`envFiles are files of one machine: use kubernetes.envFrom with a Secret or a ConfigMap`]
      : []),
    ...(isName(spec.user) && runAsUser === undefined
      ? [
          `user is "${spec.user}", a name of one machine: set kubernetes.securityContext.runAsUser to a number`,
        ]
      : []),
    ...(isName(spec.group) && runAsGroup === undefined
      ? [
          `group is "${spec.group}", a name of one machine: set kubernetes.securityContext.runAsGroup to a number`,
        ]
      : []),
  ]
}

function rolloutNotes({ spec, kubernetes }: KubernetesService): string[] {
  const strategies: string[] = ['RollingUpdate', 'Recreate']
  const { type } = spec.strategy
  if (strategies.includes(type)) return []
  return [
    `strategy.type is "${type}": a pod cannot change its program, it is replaced (${kubernetes.strategy.type})`,
  ]
}

function listenerNotes(service: KubernetesService): string[] {
  const { spec, kubernetes } = service
  const targets = servicePorts(service).map(({ targetPort }) => targetPort)
  const unix = Object.entries(spec.listen).flatMap(([name, listener]) =>
    listener.type === 'unix'
      ? [
          `listen.${name} is "unix:${listener.path}": a unix socket has no port and cannot be reached from outside the pod`,
        ]
      : [],
  )
  const loopback = portsOf(spec)
    .filter(({ name, loopback }) => loopback && !targets.includes(name))
    .map(
      ({ name }) =>
        `listen.${name} is on a loopback address, which cannot be reached from outside the pod: the Service leaves it out`,
    )
  const none =
    kubernetes.service !== false && targets.length === 0
      ? ['listen has no port for a Service: there is no Service']
      : []
  return [...unix, ...loopback, ...none]
}

function probeNotes(service: KubernetesService): string[] {
  const names = ['startupProbe', 'readinessProbe', 'livenessProbe'] as const
  const probes = probesOf(service)
  const left = names
    .filter((name) => service.kubernetes.container[name] === undefined)
    .flatMap((name) => {
      const obstacle = obstacleOf(service, name)
      return obstacle === null ? [] : [`${name} ${obstacle}: it is left out`]
    })
  const fractions = names.flatMap((name) => {
    const probe = service.spec[name]
    if (probe === undefined || service.kubernetes.container[name] !== undefined) return []
    return (['initialDelaySeconds', 'periodSeconds', 'timeoutSeconds'] as const)
      .filter((field) => !Number.isInteger(probe[field]))
      .map(
        (field) =>
          `${name}.${field} is ${probe[field]}: Kubernetes counts whole seconds, ${Math.ceil(probe[field])}`,
      )
  })
  const open = probes.portOnly
    ? ['readinessProbe only checks for an open port: with kubernetes.probesPort it asks the library']
    : []
  const bare =
    probes.readinessProbe === undefined
      ? ['readinessProbe is missing: a pod counts as ready as soon as it runs']
      : []
  return [...left, ...fractions, ...open, ...bare]
}

function drainNotes({ kubernetes }: KubernetesService, version: KubernetesVersion): string[] {
  const { container, drain } = kubernetes
  const own = fieldOf(container['lifecycle'], 'preStop') !== undefined
  const { certain } = preStopOf(container, drain, version)
  if (own || certain) return []
  return [
    `kubernetes.drain waits with the program "sleep", since Kubernetes ${showVersion(version)} has no sleep action by default: a container without that program ends at once unless delayBy is "library"`,
  ]
}

function imageNotes({ kubernetes: { image = '' } }: KubernetesService): string[] {
  if (image.includes('@')) return []
  const tag = /:([^:/]+)$/.exec(image)?.[1]
  if (tag === undefined)
    return [`kubernetes.image is "${image}", without a tag: an undo cannot restore an earlier image`]
  return tag === 'latest'
    ? [`kubernetes.image is "${image}": an undo cannot restore an earlier "latest"`]
    : []
}

function resourceNotes({ kubernetes: { container, autoscaling } }: KubernetesService): string[] {
  const { resources } = container
  const byUse = autoscaling !== undefined && autoscaling['metrics'] === undefined
  if (byUse && fieldOf(fieldOf(resources, 'requests'), 'cpu') === undefined)
    return ['kubernetes.resources has no requests.cpu, which the autoscaler needs']
  if (resources !== undefined) return []
  return ['kubernetes.resources is missing: these pods are evicted first if a node runs out of memory']
}

/** maxMemory does not become a limit: exceeding a limit kills the container and resets its connections. */
function memoryNotes({ spec, kubernetes: { container } }: KubernetesService): string[] {
  if (spec.maxMemory === undefined) return []
  const limit = fieldOf(fieldOf(container.resources, 'limits'), 'memory')
  const killed =
    limit === undefined
      ? 'kubernetes.resources.limits.memory, which kills the container, is not derived from it'
      : `kubernetes.resources.limits.memory, ${JSON.stringify(limit)}, kills the container`
  return [
    `maxMemory is ${mebibytes(spec.maxMemory)}: in a cluster no pod is drained for its memory; ${killed}`,
  ]
}

function portNotes(service: KubernetesService, version: KubernetesVersion): string[] {
  const low = hasLowPort(service) && !has(version, 'unprivilegedPortSysctl')
  const sysctls = listOf(service.kubernetes.securityContext['sysctls'])
  if (!low || sysctls.length > 0) return []
  return [
    `listen has a port below 1024, and the pod does not run as root: before Kubernetes 1.22 the runtime must allow it (net.ipv4.ip_unprivileged_port_start)`,
  ]
}
