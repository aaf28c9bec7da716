import type { InstanceEnvironment } from '@handover/process/protocol'
import type { ServiceSpec } from '../../model/index.js'
import type { LaunchOrder, Listener } from '../../ports.js'
import type { InstanceFolder } from './folder.js'

/** The variables of systemd's protocols, of sd_listen_fds(3) and sd_notify(3). LISTEN_PID is set by the launcher. */
interface SystemdEnvironment {
  LISTEN_FDS?: string
  LISTEN_FDNAMES?: string
  NOTIFY_SOCKET: string
}

/** Adds the variables of sd_listen_fds(3), sd_notify(3) and the library to the prepared environment. */
export function instanceEnvironment(
  prepared: Record<string, string>,
  { instance, revision, listeners, discover, accept }: LaunchOrder,
  folder: InstanceFolder,
): Record<string, string> {
  const { spec } = revision
  const systemd: SystemdEnvironment = { NOTIFY_SOCKET: folder.notify }
  if (listeners.length > 0) {
    systemd.LISTEN_FDS = String(listeners.length)
    systemd.LISTEN_FDNAMES = namesOf(listeners)
  }
  const handover: InstanceEnvironment = {
    HANDOVER_SOCKET: folder.channel,
    HANDOVER_INSTANCE: instance,
    HANDOVER_REVISION: String(revision.number),
    HANDOVER_DRAIN_SECONDS: String(spec.drain.timeoutSeconds),
    HANDOVER_IDLE_SECONDS: String(spec.drain.idleSeconds),
  }
  if (discover !== undefined) handover.HANDOVER_DISCOVER = discover
  const discovered = listeners.filter((listener) => listener.discovered)
  if (discovered.length > 0) handover.HANDOVER_DISCOVERED = namesOf(discovered)
  const anyPort = discovered.filter((listener) => listener.anyPort)
  if (anyPort.length > 0) handover.HANDOVER_ANY_PORT = namesOf(anyPort)
  if (accept !== undefined) handover.HANDOVER_ACCEPT = accept
  if (spec.lifecycle?.stopSignal !== undefined) handover.HANDOVER_STOP_SIGNAL = spec.lifecycle.stopSignal
  const { patienceSeconds, move } = spec.drain
  if (patienceSeconds !== undefined) handover.HANDOVER_PATIENCE_SECONDS = String(patienceSeconds)
  if (move !== undefined) handover.HANDOVER_MOVE = move
  if (hasNetworkProbe(spec)) handover.HANDOVER_PROBE_DIR = folder.probes
  return { ...withoutSupervisorVariables(prepared), ...systemd, ...handover }
}

const namesOf = (listeners: Listener[]): string => listeners.map(({ name }) => name).join(':')

/** The variable in the instance's environment that identifies it: no other instance has the same value. */
export const socketVariable = ({ channel }: InstanceFolder): string => `HANDOVER_SOCKET=${channel}`

/** Removes what systemd or another supervisor set for the supervisor itself. */
function withoutSupervisorVariables(env: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !supervisorVariables.has(name)))
}

const supervisorVariables = new Set([
  'LISTEN_FDS',
  'LISTEN_PID',
  'LISTEN_FDNAMES',
  'WATCHDOG_PID',
  'WATCHDOG_USEC',
  'HANDOVER_PROBE_DIR',
  'HANDOVER_DISCOVER',
  'HANDOVER_DISCOVERED',
  'HANDOVER_ANY_PORT',
  'HANDOVER_ACCEPT',
])

function hasNetworkProbe({ startupProbe, readinessProbe, livenessProbe }: ServiceSpec): boolean {
  return [startupProbe, readinessProbe, livenessProbe].some(
    (probe) => probe?.handler.type === 'httpGet' || probe?.handler.type === 'tcpSocket',
  )
}
