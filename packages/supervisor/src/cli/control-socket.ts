import { setTimeout as later } from 'node:timers/promises'
import type { Paths } from '../config/paths.js'
import { exitCodes } from '../control/api.js'
import { isListening } from '../control/client.js'
import { CommandExit } from './exit.js'
import { say } from './output/talk.js'

/** A supervisor notices within a second that its socket is missing. */
const waitMs = 5000
const pauseMs = 50

/**
 * The path of the supervisor's control socket. If nothing listens there, the supervisor is found by its lock: its socket
 * can be in another folder, because XDG_RUNTIME_DIR is not what it was for the supervisor; or its file was removed, and
 * the supervisor creates it again.
 */
export async function controlSocket({ name, control, lock }: Paths): Promise<string> {
  if (await isListening(control)) return control
  const { lockHolder } = await import('../daemon/lock-holder.js')
  const holder = lockHolder(lock)
  if (holder === null) return control // The command will fail, and say so.
  const supervisor = `the supervisor "${name}" (pid ${holder.pid})`
  const own = holder.control ?? control
  if (own !== control && (await isListening(own))) {
    say(`${supervisor} listens on "${own}", which is used instead of "${control}"`)
    return own
  }
  for (const end = Date.now() + waitMs; Date.now() < end; await later(pauseMs)) {
    if (!(await isListening(own))) continue
    say(`the control socket "${own}" was missing: ${supervisor} has made it again`)
    return own
  }
  throw new CommandExit(
    exitCodes.noSupervisor,
    `${supervisor} runs, but its control socket "${own}" is missing, and it was not created again within ${waitMs / 1000} s; SIGUSR2 upgrades, SIGTERM drains and stops`,
  )
}
