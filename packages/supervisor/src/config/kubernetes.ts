import type { IntOrPercent, JsonObject, KubernetesSpec, PodDrain, PodStrategy } from '../model/index.js'
import { isZero } from './normalise.js'
import type { KubernetesFields } from './schema/kubernetes.js'
import { containerFields, kubernetes, podFields } from './schema/kubernetes.js'
import type { ServiceFields } from './schema/service.js'

/** Seconds, as in a Deployment: pulling an image or starting a node comes before any progress of a pod. */
const defaultProgressDeadline = 600

/**
 * The section `kubernetes` with every default filled in. `written`: the service before defaults, since a default
 * for one machine must not override Kubernetes' own.
 */
export function toKubernetesSpec(service: ServiceFields, written: unknown): KubernetesSpec {
  const own = service.kubernetes ?? kubernetes.parse({})
  const replicas = own.replicas ?? service.replicas
  const deadline = isSet(written, 'progressDeadlineSeconds')
    ? service.progressDeadlineSeconds
    : defaultProgressDeadline
  return {
    ...pick(own, ['image', 'namespace', 'terminationGracePeriodSeconds', 'probesPort']),
    labels: own.labels,
    annotations: own.annotations,
    replicas: replicas === 'max' ? null : replicas,
    strategy: toPodStrategy(own.strategy ?? service.strategy),
    minReadySeconds: own.minReadySeconds ?? service.minReadySeconds,
    progressDeadlineSeconds: own.progressDeadlineSeconds ?? deadline,
    revisionHistoryLimit: own.revisionHistoryLimit ?? service.revisionHistoryLimit,
    drain: toPodDrain(own),
    register: own.register,
    env: toVariables(own.env),
    plainEnv: own.plainEnv,
    securityContext: own.securityContext,
    container: pick(own, Object.keys(containerFields)) as JsonObject,
    pod: pick(own, Object.keys(podFields)) as JsonObject,
    service: own.service,
    ...pick(own, ['ingress', 'autoscaling']),
    podDisruptionBudget: own.podDisruptionBudget,
    ...(own.configMap && { configMap: pick(own.configMap, ['data', 'mountPath']) }),
  }
}

/**
 * Default: maxSurge 1 and maxUnavailable 0. A strategy that a Deployment does not have (InPlace) becomes a
 * rolling update.
 */
function toPodStrategy({ type, rollingUpdate }: ServiceFields['strategy']): PodStrategy {
  if (type === 'Recreate') return { type }
  const maxSurge = (rollingUpdate?.maxSurge ?? 1) as IntOrPercent
  const maxUnavailable = (rollingUpdate?.maxUnavailable ?? (isZero(maxSurge) ? 1 : 0)) as IntOrPercent
  return { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } }
}

function toPodDrain({ drain, register }: KubernetesFields): PodDrain {
  return {
    delaySeconds: drain.delaySeconds,
    delayBy: drain.delayBy ?? (register === false ? 'preStop' : 'library'),
    ...pick(drain, ['preStopSeconds']),
    hooksSeconds: drain.hooksSeconds,
  }
}

function toVariables(env: KubernetesFields['env']): JsonObject[] {
  if (Array.isArray(env)) return env as JsonObject[]
  return Object.entries(env).map(([name, value]): JsonObject =>
    typeof value === 'string' ? { name, value } : { name, ...(value as JsonObject) },
  )
}

const isSet = (service: unknown, field: string): boolean =>
  typeof service === 'object' && service !== null && Object.hasOwn(service, field)

/** The named fields that are set, in the order of the names. */
function pick<T extends object, K extends keyof T>(value: T, names: readonly (K | string)[]): Pick<T, K> {
  const entries = names.map((name) => [name, value[name as K]] as const)
  return Object.fromEntries(entries.filter(([, field]) => field !== undefined)) as Pick<T, K>
}
