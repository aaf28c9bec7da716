import { availableParallelism } from 'node:os'
import type {
  IntOrPercent,
  ListenerSpec,
  ProbeHandler,
  ProbeSpec,
  ServiceSpec,
  StrategySpec,
} from '../model/index.js'
import { handlerNames, type ProbeFields } from './schema/probe.js'
import type { ServiceFields } from './schema/service.js'
import { pathFrom } from './path-from.js'

/** Fills in every default and makes every path absolute; relative paths start from `folder`. */
export function toServiceSpec(name: string, fields: ServiceFields, folder: string): ServiceSpec {
  const replicas = fields.replicas === 'max' ? availableParallelism() : fields.replicas
  const envFiles = [...(fields.envFile === undefined ? [] : [fields.envFile]), ...fields.envFiles]
  return {
    name,
    command: fields.script === undefined ? (fields.command ?? []) : ['node', ...fields.script],
    cwd: pathFrom(folder, fields.cwd),
    env: fields.env,
    envFiles: envFiles.map((file) => pathFrom(folder, file)),
    ...(fields.user !== undefined && { user: fields.user }),
    ...(fields.group !== undefined && { group: fields.group }),
    replicas,
    listen: mapValues(fields.listen, (listener) => withAbsolutePath(listener, folder)),
    strategy: toStrategy(fields.strategy),
    minReadySeconds: fields.minReadySeconds,
    progressDeadlineSeconds: fields.progressDeadlineSeconds,
    revisionHistoryLimit: fields.revisionHistoryLimit,
    ...(fields.lifecycle?.stopSignal !== undefined && {
      lifecycle: { stopSignal: fields.lifecycle.stopSignal },
    }),
    terminationGracePeriodSeconds: fields.terminationGracePeriodSeconds,
    maxDraining: fields.maxDraining ?? Math.max(8, 2 * replicas),
    drain: toDrain(fields),
    ...(fields.startupProbe && { startupProbe: toProbe(fields.startupProbe) }),
    ...(fields.readinessProbe && { readinessProbe: toProbe(fields.readinessProbe) }),
    ...(fields.livenessProbe && { livenessProbe: toProbe(fields.livenessProbe) }),
    ...(fields.maxMemory !== undefined && { maxMemory: fields.maxMemory }),
    register: fields.register,
    ...(!fields.steer && { steer: false }),
    ...(!fields.discover && { discover: false }),
  }
}

/** Defaults: maxSurge 25 % as in Kubernetes, but maxUnavailable 0, or 1 where maxSurge is 0. */
export function toStrategy({ type, rollingUpdate }: ServiceFields['strategy']): StrategySpec {
  if (type !== 'RollingUpdate') return { type }
  const maxSurge = (rollingUpdate?.maxSurge ?? '25%') as IntOrPercent
  const maxUnavailable = (rollingUpdate?.maxUnavailable ?? (isZero(maxSurge) ? 1 : 0)) as IntOrPercent
  return { type, rollingUpdate: { maxSurge, maxUnavailable } }
}

export const isZero = (value: number | string): boolean => value === 0 || /^0+%$/.test(String(value))

function toDrain({ drain, terminationGracePeriodSeconds: grace }: ServiceFields): ServiceSpec['drain'] {
  // The library must end before SIGKILL: 1 s before it, or half way where the grace period is under 2 s.
  const timeoutSeconds = drain.timeoutSeconds ?? (grace >= 2 ? grace - 1 : grace / 2)
  return {
    timeoutSeconds,
    idleSeconds: drain.idleSeconds ?? Math.min(10, timeoutSeconds),
    ...(drain.patienceSeconds !== undefined && { patienceSeconds: drain.patienceSeconds }),
    ...(drain.move !== undefined && { move: drain.move }),
  }
}

function toProbe(fields: ProbeFields): ProbeSpec {
  const { initialDelaySeconds, periodSeconds, timeoutSeconds, successThreshold, failureThreshold } = fields
  const timing = { initialDelaySeconds, periodSeconds, timeoutSeconds, successThreshold, failureThreshold }
  return { handler: toHandler(fields), ...timing }
}

/** There is exactly one: `checkProbes` refuses any other number. */
function toHandler(fields: ProbeFields): ProbeHandler {
  const type = handlerNames.find((name) => fields[name] !== undefined) ?? 'notify'
  return { type, ...withoutUndefined(fields[type] ?? {}) } as ProbeHandler
}

/** Specs are compared as JSON, which has no undefined: a field that is not set must be missing. */
const withoutUndefined = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T

const withAbsolutePath = (listener: ListenerSpec, folder: string): ListenerSpec =>
  listener.type === 'unix' ? { ...listener, path: pathFrom(folder, listener.path) } : listener

const mapValues = <T, U>(record: Record<string, T>, map: (value: T) => U): Record<string, U> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]))
