/** The variables that systemd sets for the supervisor. They are removed from `env`: children must not inherit them. */
export interface ServiceManagerEnvironment {
  /** Null: no process wants notifications. */
  notifySocket: string | null
  /** Longest time between two WATCHDOG=1, in milliseconds. Null if there is no watchdog. */
  watchdogMs: number | null
  /** Names of the passed sockets, from descriptor 3 up. */
  descriptorNames: string[]
}

const names = [
  'NOTIFY_SOCKET',
  'WATCHDOG_USEC',
  'WATCHDOG_PID',
  'LISTEN_FDS',
  'LISTEN_PID',
  'LISTEN_FDNAMES',
] as const

/** Calls `warn` with a sentence for each variable that is invalid, and continues without it. */
export function takeServiceManagerEnvironment(
  env: NodeJS.ProcessEnv,
  pid: number,
  warn: (line: string) => void,
): ServiceManagerEnvironment {
  const given = { ...env }
  for (const name of names) delete env[name]
  return {
    notifySocket: given['NOTIFY_SOCKET'] || null,
    watchdogMs: watchdog(given, pid, warn),
    descriptorNames: descriptors(given, pid, warn),
  }
}

/** sd_watchdog_enabled(3): WATCHDOG_PID, where it is set, names the process that is meant. */
function watchdog(env: NodeJS.ProcessEnv, pid: number, warn: (line: string) => void): number | null {
  const { WATCHDOG_USEC: period, WATCHDOG_PID: meant } = env
  if (period === undefined || (meant !== undefined && meant !== String(pid))) return null
  if (/^[1-9]\d{0,15}$/.test(period)) return Number(period) / 1000
  warn(`WATCHDOG_USEC is "${period}", wanted a number of microseconds; the watchdog gets no messages`)
  return null
}

/** sd_listen_fds_with_names(3): if LISTEN_PID is missing or names another process, the sockets are not for this one. */
function descriptors(env: NodeJS.ProcessEnv, pid: number, warn: (line: string) => void): string[] {
  const { LISTEN_FDS: count, LISTEN_PID: meant, LISTEN_FDNAMES: given } = env
  if (count === undefined || meant !== String(pid)) return []
  if (!/^\d{1,4}$/.test(count)) {
    warn(`LISTEN_FDS is "${count}", wanted a number of descriptors; none is used`)
    return []
  }
  const unknown = Array<string>(Number(count)).fill('unknown')
  if (!given) return unknown
  const all = given.split(':')
  if (all.length === unknown.length) return all
  warn(`LISTEN_FDNAMES is "${given}" (${all.length} in number), wanted ${count} names; none is used`)
  return unknown
}
