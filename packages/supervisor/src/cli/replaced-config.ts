import { existsSync, realpathSync } from 'node:fs'
import type { ControlClient } from '../control/client.js'
import type { CommonOptions } from './context.js'
import { configOf } from './context.js'
import { say } from './output/talk.js'

/**
 * The configuration that the supervisor is to read from now on: the one after `-c`, and that of the folder if the
 * supervisor's own was deleted with its release. Empty if it keeps its own.
 */
export async function replacedConfig(
  client: ControlClient,
  options: CommonOptions,
): Promise<{ config?: string }> {
  const isNamed = options.config !== undefined
  const here = isNamed || options.name === undefined ? configOf(options) : null
  if (here === null) return {}
  const status = await client.status()
  // Undefined: it is older than this command.
  const own = status.ok ? (status.value.supervisor.config as string | null | undefined) : undefined
  if (own === undefined || (own === null && !isNamed) || isSame(own, here)) return {}
  if (isNamed || !existsSync(own ?? '')) return { config: here }
  say(`the supervisor reads "${own}"; to make it read the configuration of this folder: -c "${here}"`)
  return {}
}

/** Whether both are the same file, even if a symbolic link leads to one of them. */
function isSame(own: string | null, here: string): boolean {
  if (own === here) return true
  try {
    return own !== null && realpathSync(own) === realpathSync(here)
  } catch {
    return false
  }
}
