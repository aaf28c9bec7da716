import os from 'node:os'
import path from 'node:path'
import type { Environment } from '../protocol/environment.js'
import { OptionError } from '../protocol/errors.js'
import { upgradeStrategies, type UpgradeStrategy } from '../protocol/upgrade-strategy.js'

/** How a process without a supervisor is replaced. Each option can also be set by an environment variable. */
export interface AloneOptions {
  /**
   * At this signal the process runs its own command line again and hands over to the new process: `service.upgrade()`.
   * Default: HANDOVER_UPGRADE_SIGNAL, else none. nginx, gunicorn and unicorn use SIGUSR2.
   */
  upgradeSignal?: NodeJS.Signals
  /** Seconds within which the new process must be ready. Default: HANDOVER_UPGRADE_SECONDS, else 60. */
  upgradeTimeoutSeconds?: number
  /**
   * How the new process gets the listeners: `inherit`, `reusePort` or `recreate`. docs/alone.md says what each costs.
   * Default: HANDOVER_UPGRADE_STRATEGY, else `inherit`, which refuses no client.
   */
  upgradeStrategy?: UpgradeStrategy
  /** How many earlier processes may still drain when an upgrade begins. Default: HANDOVER_MAX_DRAINING, else 3. */
  maxDraining?: number
  /**
   * Path of a unix socket. When this process starts, it takes over from the process that serves there. Later a new
   * process, started by the same user or root, can take over from this one. Needs the package koffi.
   * Default: HANDOVER_TAKEOVER, else none.
   */
  takeover?: string
  /** Path of a file with the pid of the process that serves. Default: HANDOVER_PID_FILE, else none. */
  pidFile?: string
}

export interface AloneSettings {
  signal: NodeJS.Signals | null
  timeoutMs: number
  /** Always `inherit` under a supervisor, which holds the listeners. */
  strategy: UpgradeStrategy
  maxDraining: number
  takeover: string | null
  pidFile: string | null
}

/** Large enough for a slow start; a child that needs longer is more likely to hang. */
const defaultTimeoutSeconds = 60
/** Each is a whole process in memory. With three, a request may last for three deployments. */
const defaultMaxDraining = 3

/** @throws OptionError when an option or a variable has the wrong type or range. */
export function aloneSettings(options: AloneOptions, environment: Environment): AloneSettings {
  const source = (name: keyof AloneOptions, variable: keyof Environment): Source =>
    options[name] === undefined
      ? { name: variable, value: environment[variable] || undefined }
      : { name, value: options[name] }
  const strategy = strategyName(source('upgradeStrategy', 'HANDOVER_UPGRADE_STRATEGY'))
  return {
    signal: signalName(source('upgradeSignal', 'HANDOVER_UPGRADE_SIGNAL')),
    timeoutMs:
      1000 *
      number(source('upgradeTimeoutSeconds', 'HANDOVER_UPGRADE_SECONDS'), defaultTimeoutSeconds, 2_147_483),
    strategy: environment.HANDOVER_SOCKET === undefined ? strategy : 'inherit',
    maxDraining: Math.floor(number(source('maxDraining', 'HANDOVER_MAX_DRAINING'), defaultMaxDraining, 1000)),
    takeover: file(source('takeover', 'HANDOVER_TAKEOVER')),
    pidFile: file(source('pidFile', 'HANDOVER_PID_FILE')),
  }
}

interface Source {
  name: string
  value: unknown
}

/** A process cannot catch SIGKILL and SIGSTOP; SIGUSR1 starts Node's debugger. */
const signals = (Object.keys(os.constants.signals) as NodeJS.Signals[]).filter(
  (name) => !['SIGKILL', 'SIGSTOP', 'SIGUSR1'].includes(name),
)

function signalName({ name, value }: Source): NodeJS.Signals | null {
  if (value === undefined) return null
  const found = signals.find((candidate) => candidate === value)
  if (found !== undefined) return found
  throw new OptionError(`${name} is "${text(value)}", wanted the name of a signal such as "SIGUSR2"`)
}

function strategyName({ name, value }: Source): UpgradeStrategy {
  if (value === undefined) return 'inherit'
  const found = upgradeStrategies.find((candidate) => candidate === value)
  if (found !== undefined) return found
  throw new OptionError(`${name} is "${text(value)}", wanted one of ${upgradeStrategies.join(', ')}`)
}

function number({ name, value }: Source, fallback: number, max: number): number {
  if (value === undefined) return fallback
  const given = Number(value)
  if (given >= 0 && given <= max) return given
  throw new OptionError(`${name} is "${text(value)}", wanted a number from 0 to ${max}`)
}

/** Made absolute here: the application may change its folder later. */
function file({ name, value }: Source): string | null {
  if (value === undefined) return null
  if (typeof value === 'string' && value !== '') return path.resolve(value)
  throw new OptionError(`${name} is ${JSON.stringify(value)}, wanted the path of a file`)
}

const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))
