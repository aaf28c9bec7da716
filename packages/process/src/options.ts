import type { Environment } from './environment.js'
import { OptionError } from './errors.js'

export interface HandoverOptions {
  drain?: {
    /** Seconds from the start of a drain until what is left is cut. Default: HANDOVER_DRAIN_SECONDS, else 30. */
    timeoutSeconds?: number
    /** Seconds for which an idle keep-alive connection stays open. Default: HANDOVER_IDLE_SECONDS, else 10. */
    idleSeconds?: number
  }
  /** The signals that drain and then exit with 0. Default: SIGTERM and SIGINT. None: `[]`. */
  signals?: NodeJS.Signals[]
  /**
   * Whether idle HTTP/1 connections move to a successor, and come from a predecessor, where that is possible.
   * For an application that keeps state with its connections; one that does so with a few of them can use
   * `service.pin()` instead. Default: true.
   */
  handover?: boolean
}

export interface Settings {
  timeoutMs: number
  idleMs: number
  signals: NodeJS.Signals[]
  handover: boolean
}

/** Kubernetes' grace period, which most deployments leave at its default, is 30 seconds as well. */
const defaultTimeoutSeconds = 30
/** Longer than the keep-alive timeout of Node (5 s): most idle connections have ended by themselves before. */
const defaultIdleSeconds = 10

/** @throws OptionError when an option or one of the two environment variables is not a number of seconds. */
export function settings(options: HandoverOptions, environment: Environment): Settings {
  const { drain = {}, handover = true, signals = ['SIGTERM', 'SIGINT'] } = options
  return {
    timeoutMs: milliseconds(
      ['drain.timeoutSeconds', drain.timeoutSeconds],
      ['HANDOVER_DRAIN_SECONDS', environment.HANDOVER_DRAIN_SECONDS],
      defaultTimeoutSeconds,
    ),
    idleMs: milliseconds(
      ['drain.idleSeconds', drain.idleSeconds],
      ['HANDOVER_IDLE_SECONDS', environment.HANDOVER_IDLE_SECONDS],
      defaultIdleSeconds,
    ),
    signals,
    handover,
  }
}

type Source = [name: string, value: number | string | undefined]

function milliseconds(option: Source, variable: Source, fallback: number): number {
  const [name, value] = option[1] === undefined ? variable : option
  if (value === undefined) return fallback * 1000
  const seconds = value === '' ? NaN : Number(value)
  // setTimeout cannot wait longer than 2^31-1 ms.
  if (seconds >= 0 && seconds <= 2_147_483) return seconds * 1000
  throw new OptionError(`${name} is "${value}", a number of seconds from 0 to 2147483 was expected`)
}
