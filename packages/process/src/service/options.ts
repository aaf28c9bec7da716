import { aloneSettings, type AloneOptions, type AloneSettings } from '../alone/options.js'
import os from 'node:os'
import type { Environment } from '../protocol/environment.js'
import { OptionError } from '../protocol/errors.js'
import { milliseconds } from './milliseconds.js'
import { timing, type Timing } from './pod.js'
import { probeAddress, type ProbeAddress } from '../probes/server.js'

export interface HandoverOptions extends AloneOptions {
  drain?: {
    /**
     * Seconds from the start of a drain (SIGTERM) until what is left is cut. `delaySeconds` is a part of it, and the
     * hooks share it: in a pod, terminationGracePeriodSeconds >= preStop + timeoutSeconds + 2.
     * Default: HANDOVER_DRAIN_SECONDS; else, in a pod, what the grace period (HANDOVER_GRACE_SECONDS, else 30) leaves,
     * 28 mostly; else 30.
     */
    timeoutSeconds?: number
    /**
     * Seconds for which a drain goes on accepting, for clients that do not know yet that this process goes. What a
     * preStop hook has waited (HANDOVER_PRESTOP_SECONDS) is taken off. 0 where somebody else holds the listeners
     * (HANDOVER_SOCKET, LISTEN_FDS), whatever is asked for.
     * Default: HANDOVER_DRAIN_DELAY_SECONDS; else, in a pod (KUBERNETES_SERVICE_HOST), 5, but no more than half of
     * the time; else 0.
     */
    delaySeconds?: number
    /** Seconds for which an idle keep-alive connection stays open. Default: HANDOVER_IDLE_SECONDS, else 10. */
    idleSeconds?: number
  }
  /** The signals that drain and then exit with 0. Default: SIGTERM and SIGINT. None: `[]`. */
  signals?: NodeJS.Signals[]
  /** A signal upon which the process executes itself anew, see `Service.exec`. Default: HANDOVER_EXEC_SIGNAL, else none. */
  execSignal?: NodeJS.Signals
  /**
   * Whether idle HTTP/1 connections move to a successor, and come from a predecessor, where that is possible.
   * For an application that keeps state with its connections; one that does so with a few of them can use
   * `service.pin()` instead. Default: true.
   */
  handover?: boolean
  /**
   * A port of their own for the probes: `/livez`, `/readyz` and `/startupz` answer 200 or 503, until the process
   * exits. `host` default: every address, as kubelet asks by the pod's.
   * Default: HANDOVER_PROBES_PORT, else there is none.
   */
  probes?: ProbeAddress
}

export interface Settings extends Timing {
  idleMs: number
  signals: NodeJS.Signals[]
  execSignal: NodeJS.Signals | undefined
  handover: boolean
  probes: ProbeAddress | null
  alone: AloneSettings
}

/** Longer than the keep-alive timeout of Node (5 s): most idle connections have ended by themselves before. */
const defaultIdleSeconds = 10

/** @throws OptionError when an option or an environment variable is not what it must be. */
export function settings(options: HandoverOptions, environment: Environment): Settings {
  const { drain = {}, handover = true, signals = ['SIGTERM', 'SIGINT'] } = options
  return {
    ...timing(drain, environment),
    idleMs: milliseconds(
      ['drain.idleSeconds', drain.idleSeconds],
      ['HANDOVER_IDLE_SECONDS', environment.HANDOVER_IDLE_SECONDS],
      defaultIdleSeconds,
    ),
    signals,
    execSignal: execSignal(options.execSignal ?? environment.HANDOVER_EXEC_SIGNAL, signals),
    handover,
    probes: probeAddress(options.probes, environment),
    alone: aloneSettings(options, environment),
  }
}

function execSignal(name: string | undefined, taken: NodeJS.Signals[]): NodeJS.Signals | undefined {
  if (name === undefined || name === '') return undefined
  const known = name in os.constants.signals && !deadly.has(name) && !taken.some((signal) => signal === name)
  if (known) return name as NodeJS.Signals
  throw new OptionError(
    `HANDOVER_EXEC_SIGNAL, or execSignal, is "${name}", a signal such as SIGHUP that nothing else uses was expected`,
  )
}

/** The first two cannot be caught, the others are Node's own. */
const deadly = new Set(['SIGKILL', 'SIGSTOP', 'SIGUSR1', 'SIGPROF', 'SIGPIPE'])
