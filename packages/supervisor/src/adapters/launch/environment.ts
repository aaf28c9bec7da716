import { readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import type { Result, ServiceSpec } from '../../model/index.js'
import { failed, ok } from '../../model/index.js'
import type { Account } from './account.js'
import type { LaunchContext } from './context.js'

/** Variables for the supervisor itself: sd_listen_fds(3), sd_notify(3), sd_watchdog_enabled(3), Node's IPC channel. */
const ownVariables =
  /^(LISTEN_(FDS|PID|FDNAMES)|NOTIFY_SOCKET|WATCHDOG_(PID|USEC)|HANDOVER_.*|NODE_CHANNEL_.*|NODE_UNIQUE_ID)$/

/** Later sources override earlier ones: inherited variables, the account's, PORT, `envFiles` in order, `env`. */
export function buildEnvironment(
  spec: ServiceSpec,
  { baseEnv, firstTcpPort }: LaunchContext,
  account: Account,
): Result<Record<string, string>> {
  const env: Record<string, string> = {}
  for (const [name, value] of Object.entries(baseEnv)) {
    if (value !== undefined && !ownVariables.test(name)) env[name] = value
  }
  Object.assign(env, accountVariables(account))
  const own: Record<string, string> = {}
  for (const file of spec.envFiles) {
    const variables = readEnvFile(file)
    if (!variables.ok) return variables
    Object.assign(own, variables.value)
  }
  Object.assign(own, spec.env)
  // Overrides the supervisor's own PORT, but not one in `env` or `envFiles`.
  if (firstTcpPort !== undefined) env['PORT'] = String(firstTcpPort)
  return ok({ ...env, ...own })
}

/** The variables that systemd sets for User= (systemd.exec(5)). */
const accountVariables = ({ name, home }: Account): Record<string, string> => ({
  ...(name !== undefined && { USER: name, LOGNAME: name }),
  ...(home !== undefined && { HOME: home }),
})

function readEnvFile(file: string): Result<Record<string, string>> {
  try {
    // parseEnv never returns undefined values, although its type allows them.
    return ok(parseEnv(readFileSync(file, 'utf8')) as Record<string, string>)
  } catch (error) {
    return failed('CannotStart', `the environment file "${file}" cannot be read: ${reason(error)}`)
  }
}

function reason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  return code === 'ENOENT' ? 'it does not exist' : message
}
