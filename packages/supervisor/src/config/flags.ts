import { resolve } from 'node:path'
import type { Result } from '../model/index.js'
import { failed } from '../model/index.js'
import { namedListeners } from './listen-flags.js'
import { describePath } from './show.js'
import type { Path } from './show.js'
import { serviceNameOf } from './service-name.js'
import type { LoadedConfig } from './validate.js'
import { validateConfig } from './validate.js'

/** Options of `run` and `start`; numbers may still be text. */
export interface CommandOptions {
  /** A Node script and its arguments. */
  script?: string[]
  /** A program and its arguments: everything after `--`. */
  command?: string[]
  /** Each `3000`, `127.0.0.1:3000`, `unix:/path`, or one of them with `name=` before it. */
  listen?: string[]
  /** Each `KEY=value`. */
  env?: string[]
  envFile?: string[]
  cwd?: string
  user?: string
  group?: string
  replicas?: string | number
  strategy?: string
  maxSurge?: string | number
  maxUnavailable?: string | number
  minReadySeconds?: string | number
  progressDeadlineSeconds?: string | number
  terminationGracePeriodSeconds?: string | number
  revisionHistoryLimit?: string | number
  /** `SIGQUIT`. */
  stopSignal?: string
  /** `300Mi`. */
  maxMemory?: string | number
  /** Path of an HTTP readiness probe on the first listener. */
  readinessPath?: string
  /** False: do not preload the library into Node programs. */
  register?: boolean
  /** False: what the application listens on beside `listen` does not become a listener of the service. */
  discover?: boolean
}

/** Makes a service from the command line, checked by the same schema as a file; messages name the flags. */
export function specFromCommand(options: CommandOptions, folder: string): Result<LoadedConfig> {
  const listeners = namedListeners(options.listen ?? [])
  if (!listeners.ok) return listeners
  const env = variables(options.env ?? [])
  if (!env.ok) return env
  const probed = Object.entries(listeners.value).find(
    ([, address]) => !String(address).startsWith('udp:'),
  )?.[0]
  if (options.readinessPath !== undefined && probed === undefined && options.discover === false) {
    return failed(
      'Usage',
      `--readiness-path is "${options.readinessPath}", wanted a listener to probe: add -p or omit --no-discover`,
    )
  }
  const program = options.script ?? options.command ?? []
  const name = serviceNameOf(program, resolve(folder, options.cwd ?? '.'))
  const service = withoutUndefined({
    script: options.script,
    command: options.command,
    listen: listeners.value,
    env: env.value,
    envFiles: options.envFile,
    cwd: options.cwd,
    user: options.user,
    group: options.group,
    replicas: numeric(options.replicas),
    strategy: strategyOf(options),
    minReadySeconds: numeric(options.minReadySeconds),
    progressDeadlineSeconds: numeric(options.progressDeadlineSeconds),
    terminationGracePeriodSeconds: numeric(options.terminationGracePeriodSeconds),
    revisionHistoryLimit: numeric(options.revisionHistoryLimit),
    maxMemory: numeric(options.maxMemory),
    lifecycle: options.stopSignal === undefined ? undefined : { stopSignal: options.stopSignal },
    readinessProbe:
      options.readinessPath === undefined
        ? undefined
        : { httpGet: withoutUndefined({ path: options.readinessPath, port: probed }) },
    register: options.register,
    discover: options.discover === false ? false : undefined,
  })
  return validateConfig({ services: { [name]: service } }, { file: null, folder, locate: flagOf })
}

function strategyOf({ strategy, maxSurge, maxUnavailable }: CommandOptions): object | undefined {
  const rollingUpdate = withoutUndefined({
    maxSurge: numeric(maxSurge),
    maxUnavailable: numeric(maxUnavailable),
  })
  const given = Object.keys(rollingUpdate).length > 0
  if (strategy === undefined && !given) return undefined
  return withoutUndefined({ type: strategy, rollingUpdate: given ? rollingUpdate : undefined })
}

/** Converts numeric text; the schema refuses other text with the right message. */
const numeric = (value: string | number | undefined): string | number | undefined =>
  typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value

function variables(assignments: string[]): Result<Record<string, string>> {
  const env: Record<string, string> = {}
  for (const assignment of assignments) {
    const at = assignment.indexOf('=')
    if (at < 1) return failed('Usage', `--env is "${assignment}", wanted KEY=value`)
    env[assignment.slice(0, at)] = assignment.slice(at + 1)
  }
  return { ok: true, value: env }
}

const withoutUndefined = <T extends object>(value: T): Partial<T> =>
  Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as Partial<T>

const flags: Record<string, string> = {
  script: 'the script',
  command: 'the command',
  listen: '-p',
  discover: '--no-discover',
  envFiles: '--env-file',
  readinessProbe: '--readiness-path',
  'lifecycle.stopSignal': '--stop-signal',
  'strategy.rollingUpdate': 'the strategy',
  'strategy.rollingUpdate.maxSurge': '--max-surge',
  'strategy.rollingUpdate.maxUnavailable': '--max-unavailable',
  'strategy.type': '--strategy',
  maxMemory: '--max-memory',
  minReadySeconds: '--min-ready-seconds',
  progressDeadlineSeconds: '--progress-deadline-seconds',
  terminationGracePeriodSeconds: '--termination-grace-period-seconds',
  revisionHistoryLimit: '--revision-history-limit',
}

/** The flag that set a field of the service: the one for the longest known prefix of its path. */
function flagOf(path: Path): string {
  const field = path.slice(2)
  for (let length = field.length; length > 0; length -= 1) {
    const flag = flags[field.slice(0, length).join('.')]
    if (flag !== undefined) return flag
  }
  return field.length === 1 ? `--${describePath(field)}` : 'the command line'
}
