/** The variables that the supervisor, systemd, Kubernetes, a predecessor or an administrator sets for this process. */
export interface Environment {
  LISTEN_FDS?: string
  LISTEN_FDNAMES?: string
  NOTIFY_SOCKET?: string
  WATCHDOG_USEC?: string
  WATCHDOG_PID?: string
  HANDOVER_SOCKET?: string
  HANDOVER_PROBE_DIR?: string
  HANDOVER_DISCOVER?: string
  HANDOVER_DISCOVERED?: string
  HANDOVER_ANY_PORT?: string
  HANDOVER_ACCEPT?: string
  HANDOVER_EXEC?: string
  HANDOVER_DRAIN_SECONDS?: string
  HANDOVER_IDLE_SECONDS?: string
  HANDOVER_PATIENCE_SECONDS?: string
  HANDOVER_MOVE?: string
  HANDOVER_DRAIN_DELAY_SECONDS?: string
  HANDOVER_PRESTOP_SECONDS?: string
  HANDOVER_GRACE_SECONDS?: string
  HANDOVER_PROBES_PORT?: string
  KUBERNETES_SERVICE_HOST?: string
  /** Path of the socket of the process that this one is to replace. */
  HANDOVER_PREDECESSOR?: string
  HANDOVER_UPGRADE_SIGNAL?: string
  HANDOVER_UPGRADE_SECONDS?: string
  HANDOVER_UPGRADE_STRATEGY?: string
  HANDOVER_MAX_DRAINING?: string
  HANDOVER_TAKEOVER?: string
  HANDOVER_PID_FILE?: string
  HANDOVER_EXEC_SIGNAL?: string
  HANDOVER_STOP_SIGNAL?: string
}

/** For this process only. A child that inherited them would report in its place, or use its descriptors. */
const ownVariables = [
  'LISTEN_FDS',
  'LISTEN_FDNAMES',
  'NOTIFY_SOCKET',
  'WATCHDOG_USEC',
  'WATCHDOG_PID',
  'HANDOVER_SOCKET',
  'HANDOVER_PROBE_DIR',
  'HANDOVER_DISCOVER',
  'HANDOVER_DISCOVERED',
  'HANDOVER_ANY_PORT',
  'HANDOVER_ACCEPT',
  'HANDOVER_PREDECESSOR',
  'HANDOVER_UPGRADE_SIGNAL',
  'HANDOVER_UPGRADE_SECONDS',
  'HANDOVER_UPGRADE_STRATEGY',
  'HANDOVER_MAX_DRAINING',
  'HANDOVER_TAKEOVER',
  'HANDOVER_PID_FILE',
  'HANDOVER_EXEC',
] as const

/**
 * Left in the environment: node:cluster workers use them too, and the process that serves may be a child of the one
 * that was started with them, for example of `npm start`.
 */
const inheritedVariables = [
  'HANDOVER_DRAIN_SECONDS',
  'HANDOVER_IDLE_SECONDS',
  'HANDOVER_PATIENCE_SECONDS',
  'HANDOVER_MOVE',
  'HANDOVER_DRAIN_DELAY_SECONDS',
  'HANDOVER_PRESTOP_SECONDS',
  'HANDOVER_GRACE_SECONDS',
  'HANDOVER_PROBES_PORT',
  'HANDOVER_EXEC_SIGNAL',
  'HANDOVER_STOP_SIGNAL',
  'KUBERNETES_SERVICE_HOST',
] as const

/** Whether this very process was told that it is the service: a child of the service is not. */
export const isAddressed = (environment: Environment): boolean =>
  ownVariables.some((key) => environment[key] !== undefined)

/**
 * Reads the variables, and removes those for this process only from `env`. If LISTEN_PID is another process's, this one
 * is a descendant of the instance, and those variables are not for it. LISTEN_FDS needs LISTEN_PID (sd_listen_fds(3)).
 */
export function takeEnvironment(env: NodeJS.ProcessEnv = process.env, pid = process.pid): Environment {
  const taken: Environment = {}
  for (const key of inheritedVariables) if (env[key] !== undefined) taken[key] = env[key]
  if (env.LISTEN_PID !== undefined && env.LISTEN_PID !== String(pid)) return taken
  const addressed = env.LISTEN_PID !== undefined
  for (const key of ownVariables) {
    if (env[key] !== undefined && (addressed || !key.startsWith('LISTEN_'))) taken[key] = env[key]
    delete env[key]
  }
  delete env.LISTEN_PID
  return taken
}
