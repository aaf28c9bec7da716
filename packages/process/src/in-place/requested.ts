import type { Announcer } from '../announce/announcer.js'
import { HandoverError, messageOf } from '../protocol/errors.js'
import type { SupervisorMessage } from '../protocol/messages.js'
import type { ImageOptions } from './image.js'

/** Runs `exec` for the supervisor's message. If it fails, reports the reason to the supervisor. */
export async function execRequested(
  exec: (options: ImageOptions) => Promise<never>,
  { argv, cwd, env = {}, environment, timeoutSeconds }: Extract<SupervisorMessage, { type: 'exec' }>,
  announcer: Announcer,
): Promise<void> {
  const changes = Object.entries(env).map(([name, value]) => [name, value ?? undefined] as const)
  try {
    await exec({
      env: Object.fromEntries(changes),
      ...(argv !== undefined && { argv }),
      ...(cwd !== undefined && { cwd }),
      ...(environment !== undefined && { environment }),
      ...(timeoutSeconds !== undefined && { timeoutSeconds }),
    })
  } catch (error) {
    const code = error instanceof HandoverError ? error.code : 'ERR_HANDOVER_EXEC'
    announcer.say({ type: 'execFailed', code, message: messageOf(error) })
  }
}
