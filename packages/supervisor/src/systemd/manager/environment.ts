/** What systemd told the supervisor about itself. Read once, then gone from the environment: no child is meant. */
export interface ServiceManagerEnvironment {
  /** Null: nobody wants to be told anything. */
  notifySocket: string | null
  /** Milliseconds within which a sign of life is due; null: nobody waits for one. */
  watchdogMs: number | null
  /** Of the sockets from descriptor 3 up, one each. */
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

/** `warn` gets a sentence for each variable that cannot be used as it is; the supervisor does without it. */
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

/** sd_watchdog_enabled(3): WATCHDOG_PID, where it is set, says who is meant. */
function watchdog(env: NodeJS.ProcessEnv, pid: number, warn: (line: string) => void): number | null {
  const { WATCHDOG_USEC: period, WATCHDOG_PID: meant } = env
  if (period === undefined || (meant !== undefined && meant !== String(pid))) return null
  if (/^[1-9]\d{0,15}$/.test(period)) return Number(period) / 1000
  warn(`WATCHDOG_USEC is "${period}", a number of microseconds was expected; no sign of life is given`)
  return null
}

/** sd_listen_fds_with_names(3): without LISTEN_PID, or with another's, nothing was passed to us. */
function descriptors(env: NodeJS.ProcessEnv, pid: number, warn: (line: string) => void): string[] {
  const { LISTEN_FDS: count, LISTEN_PID: meant, LISTEN_FDNAMES: given } = env
  if (count === undefined || meant !== String(pid)) return []
  if (!/^\d{1,4}$/.test(count)) {
    warn(`LISTEN_FDS is "${count}", a number of descriptors was expected; none is taken`)
    return []
  }
  const unknown = Array<string>(Number(count)).fill('unknown')
  if (!given) return unknown
  const all = given.split(':')
  if (all.length === unknown.length) return all
  warn(`LISTEN_FDNAMES is "${given}", which is ${all.length} names for ${count} descriptors; they go unnamed`)
  return unknown
}
