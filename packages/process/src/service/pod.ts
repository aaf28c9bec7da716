import { isClusterWorker } from '../announce/cluster-worker.js'
import { isBoundName } from '../listeners/bound-name.js'
import type { Environment } from '../protocol/environment.js'
import { OptionError } from '../protocol/errors.js'
import { milliseconds } from './milliseconds.js'

/**
 * How a drain fits into the end of a pod. A drain's times count from SIGTERM, which is sent after the preStop hook. The
 * grace period counts from before the hook:
 *
 *     ├─ preStop ─┼───────── drain.timeoutSeconds ─────────┼─ 2 s ─┤
 *     │           ├─ delay: accepts ─┼─ finishes, hooks ───┤       │
 *     deleted     SIGTERM                                  cut     SIGKILL, if it still runs
 *     ├──────────────── terminationGracePeriodSeconds ─────────────┤
 *
 * The endpoints are withdrawn in parallel, so connections still arrive for a while.
 */
export interface Timing {
  /** From the start of the drain until what is left is cut, the delay included. Milliseconds. */
  timeoutMs: number
  /** Milliseconds for which a drain keeps accepting. */
  delayMs: number
  /** How long a request has waited when the application's own handlers run during the drain. Milliseconds. */
  patienceMs: number
  /** A sentence if the grace period is known and too short for this, else null. */
  tooShort: string | null
}

/** Endpoints are usually withdrawn from every node within one or two seconds; a busy cluster takes longer. */
const podDelaySeconds = 5
/** The default of `terminationGracePeriodSeconds`. */
const defaultGraceSeconds = 30
/** Outside of a pod. systemd waits for 90 seconds (TimeoutStopSec=), most others for 30. */
const defaultTimeoutSeconds = 30
const defaultPatienceSeconds = 5
/** Between the end of the drain and SIGKILL: the process exits within one second, and kubelet counts whole seconds. */
const marginSeconds = 2

/** @throws OptionError when one of them is not a number of seconds, or the delay is as long as the whole drain */
export function timing(drain: DrainSeconds, environment: Environment): Timing {
  const { timeoutSeconds, delaySeconds, patienceSeconds } = drain
  const { HANDOVER_GRACE_SECONDS: graceText, HANDOVER_PRESTOP_SECONDS: preStopText } = environment
  const preStopMs = milliseconds(['HANDOVER_PRESTOP_SECONDS', preStopText], 0)
  const graceMs = milliseconds(['HANDOVER_GRACE_SECONDS', graceText], defaultGraceSeconds)
  const inPod = environment.KUBERNETES_SERVICE_HOST !== undefined && !isSupervised(environment)
  const bounded = inPod || graceText !== undefined
  const longestMs = Math.max(graceMs - preStopMs - marginSeconds * 1000, 0)
  const timeoutMs = milliseconds(
    ['drain.timeoutSeconds', timeoutSeconds],
    ['HANDOVER_DRAIN_SECONDS', environment.HANDOVER_DRAIN_SECONDS],
    bounded ? longestMs / 1000 : defaultTimeoutSeconds,
  )
  const requestedMs = milliseconds(
    ['drain.delaySeconds', delaySeconds],
    ['HANDOVER_DRAIN_DELAY_SECONDS', environment.HANDOVER_DRAIN_DELAY_SECONDS],
    inPod ? Math.min(podDelaySeconds, (preStopMs + timeoutMs / 2) / 1000) : 0,
  )
  const delayMs = isSupervised(environment) ? 0 : Math.max(requestedMs - preStopMs, 0)
  if (delayMs > 0 && delayMs >= timeoutMs) throw delayTooLong(delayMs, timeoutMs)
  const patienceMs = milliseconds(
    ['drain.patienceSeconds', patienceSeconds],
    ['HANDOVER_PATIENCE_SECONDS', environment.HANDOVER_PATIENCE_SECONDS],
    Math.min(defaultPatienceSeconds, (timeoutMs - delayMs) / 2000),
  )
  const tooShort =
    graceText !== undefined && timeoutMs > longestMs ? describeTooShort(graceMs, preStopMs, timeoutMs) : null
  // The primary waits before it signals its workers, and ends them at its own deadline.
  if (isClusterWorker()) return { timeoutMs: timeoutMs - delayMs, delayMs: 0, patienceMs, tooShort: null }
  return { timeoutMs, delayMs, patienceMs, tooShort }
}

/** See `HandoverOptions.drain`. */
interface DrainSeconds {
  timeoutSeconds?: number
  delaySeconds?: number
  patienceSeconds?: number
}

/**
 * A supervisor holds the listeners, and a successor gets what is queued there, so there is no reason to keep accepting.
 * This is not the case if an earlier process of the service itself has bound the listeners (docs/alone.md,
 * docs/in-place-exec.md).
 */
const isSupervised = ({ HANDOVER_SOCKET, LISTEN_FDS, LISTEN_FDNAMES }: Environment) =>
  HANDOVER_SOCKET !== undefined ||
  (LISTEN_FDS !== undefined && !(LISTEN_FDNAMES?.split(':').every(isBoundName) ?? false))

const seconds = (ms: number) => `${ms / 1000} s`

function delayTooLong(delayMs: number, timeoutMs: number): OptionError {
  return new OptionError(
    `drain.delaySeconds is ${seconds(delayMs)}, wanted less than drain.timeoutSeconds, ${seconds(timeoutMs)}`,
  )
}

function describeTooShort(graceMs: number, preStopMs: number, timeoutMs: number): string {
  const neededMs = preStopMs + timeoutMs + marginSeconds * 1000
  return `The grace period is ${seconds(graceMs)}, but the preStop hook (${seconds(preStopMs)}), the drain (${seconds(timeoutMs)}) and a margin of ${marginSeconds} s need ${seconds(neededMs)}: a long drain will be cut off by SIGKILL, wanted terminationGracePeriodSeconds ${Math.ceil(neededMs / 1000)}`
}
