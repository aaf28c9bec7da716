/** What the supervisor, or systemd, gave to this process. Read once, then gone from `process.env`. */
export interface Environment {
  LISTEN_FDS?: string
  LISTEN_FDNAMES?: string
  NOTIFY_SOCKET?: string
  WATCHDOG_USEC?: string
  WATCHDOG_PID?: string
  HANDOVER_SOCKET?: string
  HANDOVER_PROBE_DIR?: string
  HANDOVER_DRAIN_SECONDS?: string
  HANDOVER_IDLE_SECONDS?: string
}

/** A child that had them would speak in our name, or take our descriptors for its own. */
const ours = [
  'LISTEN_FDS',
  'LISTEN_FDNAMES',
  'NOTIFY_SOCKET',
  'WATCHDOG_USEC',
  'WATCHDOG_PID',
  'HANDOVER_SOCKET',
  'HANDOVER_PROBE_DIR',
] as const

/** Plain numbers: they are left in place, since node:cluster workers drain by them too. */
const shared = ['HANDOVER_DRAIN_SECONDS', 'HANDOVER_IDLE_SECONDS'] as const

/**
 * Takes what is meant for this very process out of `env`.
 * A LISTEN_PID that is not ours means that we are a descendant of the instance, and none of it is for us.
 */
export function takeEnvironment(env: NodeJS.ProcessEnv = process.env, pid = process.pid): Environment {
  const taken: Environment = {}
  for (const key of shared) if (env[key] !== undefined) taken[key] = env[key]
  if (env.LISTEN_PID !== undefined && env.LISTEN_PID !== String(pid)) return taken
  const addressed = env.LISTEN_PID !== undefined
  for (const key of ours) {
    if (env[key] !== undefined && (addressed || !key.startsWith('LISTEN_'))) taken[key] = env[key]
    delete env[key]
  }
  delete env.LISTEN_PID
  return taken
}
