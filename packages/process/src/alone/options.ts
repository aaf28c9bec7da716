import path from 'node:path'
import os from 'node:os'
import type { Environment } from '../protocol/environment.js'
import { OptionError } from '../protocol/errors.js'
import { upgradeStrategies, type UpgradeStrategy } from '../protocol/upgrade-strategy.js'

/** How a process without a supervisor is replaced. Each can be given as an environment variable as well. */
export interface AloneOptions {
  /**
   * At this signal the process starts its own command line anew and hands over to it; see `service.upgrade()`.
   * Default: HANDOVER_UPGRADE_SIGNAL, else none. SIGUSR2 is what nginx, gunicorn and unicorn use for it.
   */
  upgradeSignal?: NodeJS.Signals
  /** Seconds within which the new process must say that it is ready. Default: HANDOVER_UPGRADE_SECONDS, else 60. */
  upgradeTimeoutSeconds?: number
  /**
   * How the new process comes to the listeners: `inherit`, `reusePort` or `recreate`, see strategy.ts and what each
   * costs in docs/alone.md. Default: HANDOVER_UPGRADE_STRATEGY, else `inherit`, which loses nobody.
   */
  upgradeStrategy?: UpgradeStrategy
  /** How many earlier generations may still be draining when an upgrade begins. Default: HANDOVER_MAX_DRAINING, else 3. */
  maxDraining?: number
  /**
   * Path of a unix socket at which a new version, started by anybody with our user id, takes over from us; and at
   * which we take over from whoever is there at the start. Needs the package koffi. Default: HANDOVER_TAKEOVER.
   */
  takeover?: string
  /** Path of a file that has the pid of the process that serves. Default: HANDOVER_PID_FILE, else none. */
  pidFile?: string
}

export interface AloneSettings {
  signal: NodeJS.Signals | null
  timeoutMs: number
  strategy: UpgradeStrategy
  maxDraining: number
  takeover: string | null
  pidFile: string | null
}

/** Large enough for a slow start; a child that needs longer is more likely to hang. */
const defaultTimeoutSeconds = 60
/** Each is a whole process in memory: three long requests over three deployments, but no pile-up. */
const defaultMaxDraining = 3

/** @throws OptionError when an option or a variable has the wrong type or range. */
export function aloneSettings(options: AloneOptions, environment: Environment): AloneSettings {
  const chosen = (name: keyof AloneOptions, variable: keyof Environment): Chosen =>
    options[name] === undefined
      ? { name: variable, value: environment[variable] || undefined }
      : { name, value: options[name] }
  return {
    signal: signalName(chosen('upgradeSignal', 'HANDOVER_UPGRADE_SIGNAL')),
    timeoutMs:
      1000 *
      number(chosen('upgradeTimeoutSeconds', 'HANDOVER_UPGRADE_SECONDS'), defaultTimeoutSeconds, 2_147_483),
    strategy: strategyName(chosen('upgradeStrategy', 'HANDOVER_UPGRADE_STRATEGY')),
    maxDraining: Math.floor(number(chosen('maxDraining', 'HANDOVER_MAX_DRAINING'), defaultMaxDraining, 1000)),
    takeover: file(chosen('takeover', 'HANDOVER_TAKEOVER')),
    pidFile: file(chosen('pidFile', 'HANDOVER_PID_FILE')),
  }
}

interface Chosen {
  name: string
  value: unknown
}

/** Those that a process can catch, and that mean nothing to Node itself: SIGUSR1 starts its debugger. */
const signals = (Object.keys(os.constants.signals) as NodeJS.Signals[]).filter(
  (name) => !['SIGKILL', 'SIGSTOP', 'SIGUSR1'].includes(name),
)

function signalName({ name, value }: Chosen): NodeJS.Signals | null {
  if (value === undefined) return null
  const found = signals.find((candidate) => candidate === value)
  if (found !== undefined) return found
  throw new OptionError(`${name} is "${text(value)}", the name of a signal such as "SIGUSR2" was expected`)
}

function strategyName({ name, value }: Chosen): UpgradeStrategy {
  if (value === undefined) return 'inherit'
  const found = upgradeStrategies.find((candidate) => candidate === value)
  if (found !== undefined) return found
  throw new OptionError(`${name} is "${text(value)}", one of ${upgradeStrategies.join(', ')} was expected`)
}

function number({ name, value }: Chosen, fallback: number, most: number): number {
  if (value === undefined) return fallback
  const given = Number(value)
  if (given >= 0 && given <= most) return given
  throw new OptionError(`${name} is "${text(value)}", a number from 0 to ${most} was expected`)
}

/** Made absolute at once: the application may change its folder. */
function file({ name, value }: Chosen): string | null {
  if (value === undefined) return null
  if (typeof value === 'string' && value !== '') return path.resolve(value)
  throw new OptionError(`${name} is ${JSON.stringify(value)}, the path of a file was expected`)
}

const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))
