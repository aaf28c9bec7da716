import os from 'node:os'
import { aloneSettings, type AloneOptions, type AloneSettings } from '../alone/options.js'
import { probeAddress, type ProbeAddress } from '../probes/server.js'
import type { Environment } from '../protocol/environment.js'
import { OptionError } from '../protocol/errors.js'
import { milliseconds } from './milliseconds.js'
import { timing, type Timing } from './pod.js'

export interface HandoverOptions extends AloneOptions {
  drain?: {
    /**
     * Seconds from the start of a drain (SIGTERM) until what is left is cut. The delay and the hooks are part of it: in
     * a pod, terminationGracePeriodSeconds >= preStop + timeoutSeconds + 2.
     * Default: HANDOVER_DRAIN_SECONDS; else, in a pod, what the grace period (HANDOVER_GRACE_SECONDS, else 30) leaves,
     * usually 28; else 30.
     */
    timeoutSeconds?: number
    /**
     * Seconds for which a drain keeps accepting, for clients that do not know yet that this process shuts down. The
     * time of a preStop hook (HANDOVER_PRESTOP_SECONDS) is subtracted. Always 0 where a supervisor holds the listeners
     * (HANDOVER_SOCKET, LISTEN_FDS).
     * Default: HANDOVER_DRAIN_DELAY_SECONDS; else, in a pod (KUBERNETES_SERVICE_HOST), 5, but at most half of the
     * time; else 0.
     */
    delaySeconds?: number
    /** Seconds for which an idle keep-alive connection stays open. Default: HANDOVER_IDLE_SECONDS, else 10. */
    idleSeconds?: number
    /**
     * Seconds that a request has waited during a drain when it is left to the application: if only such requests are
     * left, the service emits 'waiting'. With the preload, the application's own SIGTERM handler runs then.
     * Default: HANDOVER_PATIENCE_SECONDS; else 5, or half of the drain's time if that is less.
     */
    patienceSeconds?: number
  }
  /**
   * The signals at which the process drains and then exits with 0. HANDOVER_STOP_SIGNAL adds one; `[]` for none.
   * Default: SIGTERM and SIGINT.
   */
  signals?: NodeJS.Signals[]
  /** The signal at which the process calls `Service.exec()`. Default: HANDOVER_EXEC_SIGNAL, else none. */
  execSignal?: NodeJS.Signals
  /**
   * Whether idle HTTP/1 connections move to a successor, and come from a predecessor, where that is possible. `false`
   * is for an application that keeps state with its connections in a way that cannot be seen. A property, or a listener
   * of 'data', 'readable' or 'end', on the socket can be: such a connection stays, unless this is `all`. If only a few
   * have state, use `service.pin()` or `service.move()` instead.
   * Default: HANDOVER_MOVE (`none`, `stateless`, `all`); else true, which is `stateless`.
   */
  handover?: boolean | 'all'
  /**
   * A port of their own for the probes: `/livez`, `/readyz` and `/startupz` answer 200 or 503, until the process exits.
   * `host`: by default every address, as kubelet uses the pod's.
   * Default: HANDOVER_PROBES_PORT, else none.
   */
  probes?: ProbeAddress
}

export interface Settings extends Timing {
  idleMs: number
  signals: NodeJS.Signals[]
  execSignal: NodeJS.Signals | undefined
  handover: boolean
  /** Whether connections move with what the application has attached to them. */
  movesAll: boolean
  probes: ProbeAddress | null
  alone: AloneSettings
}

/** Longer than Node's keep-alive timeout (5 s): by then most idle connections have ended by themselves. */
const defaultIdleSeconds = 10

/** @throws OptionError when an option or an environment variable has the wrong type or range */
export function settings(options: HandoverOptions, environment: Environment): Settings {
  const { drain = {}, handover = movedConnections(environment) } = options
  const signals = stopSignals(options.signals ?? ['SIGTERM', 'SIGINT'], environment)
  return {
    ...timing(drain, environment),
    idleMs: milliseconds(
      ['drain.idleSeconds', drain.idleSeconds],
      ['HANDOVER_IDLE_SECONDS', environment.HANDOVER_IDLE_SECONDS],
      defaultIdleSeconds,
    ),
    signals,
    execSignal: execSignal(options.execSignal ?? environment.HANDOVER_EXEC_SIGNAL, signals),
    handover: handover !== false,
    movesAll: handover === 'all',
    probes: probeAddress(options.probes, environment),
    alone: aloneSettings(options, environment),
  }
}

/** The signal that stops an instance. `settings` has checked it. */
export const stopSignalOf = ({ HANDOVER_STOP_SIGNAL: name }: Environment): NodeJS.Signals =>
  (name || 'SIGTERM') as NodeJS.Signals

function stopSignals(
  signals: NodeJS.Signals[],
  { HANDOVER_STOP_SIGNAL: name }: Environment,
): NodeJS.Signals[] {
  if (name === undefined || name === '' || signals.length === 0) return signals
  if (name in os.constants.signals && !uncatchable.has(name))
    return [...new Set([...signals, name as NodeJS.Signals])]
  const realTime = name.startsWith('SIGRT') ? ', a real-time signal, which Node cannot handle' : ''
  throw new OptionError(
    `HANDOVER_STOP_SIGNAL is "${name}"${realTime}, wanted the name of a signal such as SIGQUIT`,
  )
}

function movedConnections({ HANDOVER_MOVE: value = 'stateless' }: Environment): boolean | 'all' {
  if (value === 'all') return value
  if (value === 'none' || value === 'stateless') return value === 'stateless'
  throw new OptionError(`HANDOVER_MOVE is "${value}", wanted none, stateless or all`)
}

function execSignal(name: string | undefined, used: NodeJS.Signals[]): NodeJS.Signals | undefined {
  if (name === undefined || name === '') return undefined
  const known = name in os.constants.signals && !unusable.has(name) && !used.some((signal) => signal === name)
  if (known) return name as NodeJS.Signals
  throw new OptionError(
    `HANDOVER_EXEC_SIGNAL, or execSignal, is "${name}", wanted a signal such as SIGHUP that nothing else uses`,
  )
}

const uncatchable = new Set(['SIGKILL', 'SIGSTOP'])

/** Node uses the last three itself. */
const unusable = new Set([...uncatchable, 'SIGUSR1', 'SIGPROF', 'SIGPIPE'])
