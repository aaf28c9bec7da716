import { mebibytes } from '../../model/index.js'
import { preStopOf } from './grace.js'
import { fieldOf, listOf } from './json.js'
import type { KubernetesOrder, KubernetesService } from './order.js'
import { portsOf, servicePorts } from './ports.js'
import { obstacleOf, probesOf } from './probes.js'
import { hasLowPort } from './security.js'
import type { KubernetesVersion } from './version.js'
import { has, showVersion } from './version.js'

/** What a cluster cannot do as one machine does, and what may surprise; a sentence each, with its place. */
export const notesOf = (order: KubernetesOrder): string[] =>
  order.services.flatMap((service) =>
    [
      ...programNotes(service, order.folder),
      ...rolloutNotes(service),
      ...listenerNotes(service),
      ...probeNotes(service),
      ...drainNotes(service, order.version),
      ...imageNotes(service),
      ...resourceNotes(service),
      ...memoryNotes(service),
      ...portNotes(service, order.version),
    ].map((note) => `services.${service.spec.name}.${note}`),
  )

/** The program, its folder, files and user are those of the image. */
function programNotes({ spec, kubernetes }: KubernetesService, folder: string | undefined): string[] {
  const { command, args } = kubernetes.container
  const said = spec.command.join(' ')
  const { runAsUser, runAsGroup } = kubernetes.securityContext
  const isName = (id: string | undefined) => id !== undefined && !/^\d+$/.test(id)
  return [
    ...(command === undefined && args === undefined
      ? [
          `command is "${said}": a pod runs what the image says, unless kubernetes.command or kubernetes.args do`,
        ]
      : []),
    ...(folder !== undefined && spec.cwd !== folder
      ? [`cwd is "${spec.cwd}", a folder of one machine: in a cluster the image is the release`]
      : []),
    ...(spec.envFiles.length > 0
      ? [`envFiles are files of one machine: kubernetes.envFrom takes them from a Secret or a ConfigMap`]
      : []),
    ...(isName(spec.user) && runAsUser === undefined
      ? [`user is "${spec.user}", a name of one machine: kubernetes.securityContext.runAsUser takes a number`]
      : []),
    ...(isName(spec.group) && runAsGroup === undefined
      ? [
          `group is "${spec.group}", a name of one machine: kubernetes.securityContext.runAsGroup takes a number`,
        ]
      : []),
  ]
}

/** Ways of a rollout that are ours alone; by the names that they have in a spec. */
const beyondKubernetes: Record<string, string> = {
  standbySeconds: 'no old pod stands by: an undo starts new ones',
  canary: 'a Deployment has no steps: pods are replaced as maxSurge and maxUnavailable allow',
}

function rolloutNotes({ spec, kubernetes }: KubernetesService): string[] {
  const strategies: string[] = ['RollingUpdate', 'Recreate']
  const { type } = spec.strategy
  const asked = Object.entries(beyondKubernetes).filter(([field]) => Object.hasOwn(spec, field))
  return [
    ...(strategies.includes(type)
      ? []
      : [
          `strategy.type is "${type}": a pod cannot go on as another one, it is replaced (${kubernetes.strategy.type})`,
        ]),
    ...asked.map(([field, sentence]) => `${field} is given: ${sentence}`),
  ]
}

function listenerNotes(service: KubernetesService): string[] {
  const { spec, kubernetes } = service
  const targets = servicePorts(service).map(({ targetPort }) => targetPort)
  const unix = Object.entries(spec.listen).flatMap(([name, listener]) =>
    listener.type === 'unix'
      ? [
          `listen.${name} is "unix:${listener.path}": a unix socket has no port, and nobody reaches it from outside of the pod`,
        ]
      : [],
  )
  const loopback = portsOf(spec)
    .filter(({ name, loopback }) => loopback && !targets.includes(name))
    .map(
      ({ name }) =>
        `listen.${name} is on a loopback address, which nobody reaches from outside of the pod: it is left out of the Service`,
    )
  const none =
    kubernetes.service !== false && targets.length === 0
      ? ['listen has no port that a Service can lead to: there is none']
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
    ? ['readinessProbe can only look for an open port: kubernetes.probesPort asks the library instead']
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
    `kubernetes.drain waits by the program "sleep", as Kubernetes ${showVersion(version)} has no sleep action on by default: an image without it is ended at once, unless delayBy is 'library'`,
  ]
}

function imageNotes({ kubernetes: { image = '' } }: KubernetesService): string[] {
  if (image.includes('@')) return []
  const tag = /:([^:/]+)$/.exec(image)?.[1]
  if (tag === undefined)
    return [`kubernetes.image is "${image}", without a tag: an undo could not tell one from another`]
  return tag === 'latest'
    ? [`kubernetes.image is "${image}": an undo cannot tell one "latest" from another`]
    : []
}

function resourceNotes({ kubernetes: { container, autoscaling } }: KubernetesService): string[] {
  const { resources } = container
  const byUse = autoscaling !== undefined && autoscaling['metrics'] === undefined
  if (byUse && fieldOf(fieldOf(resources, 'requests'), 'cpu') === undefined)
    return ['kubernetes.resources has no requests.cpu: the autoscaler has nothing to measure against']
  if (resources !== undefined) return []
  return ['kubernetes.resources is missing: these pods are the first to go where a node runs out of memory']
}

/** Nothing is set from it: there a limit kills, and a limit that was not asked for would reset connections. */
function memoryNotes({ spec, kubernetes: { container } }: KubernetesService): string[] {
  if (spec.maxMemory === undefined) return []
  const limit = fieldOf(fieldOf(container.resources, 'limits'), 'memory')
  const killed =
    limit === undefined
      ? 'kubernetes.resources.limits.memory would have its container killed, and is not set from it'
      : `kubernetes.resources.limits.memory, ${JSON.stringify(limit)}, has its container killed`
  return [
    `maxMemory is ${mebibytes(spec.maxMemory)}: no pod is replaced gracefully for its memory; ${killed}`,
  ]
}

function portNotes(service: KubernetesService, version: KubernetesVersion): string[] {
  const low = hasLowPort(service) && !has(version, 'unprivilegedPortSysctl')
  const sysctls = listOf(service.kubernetes.securityContext['sysctls'])
  if (!low || sysctls.length > 0) return []
  return [
    `listen has a port below 1024, and the pod is no root: before Kubernetes 1.22 the runtime must allow it (net.ipv4.ip_unprivileged_port_start)`,
  ]
}
