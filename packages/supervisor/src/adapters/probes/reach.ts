import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { NotReached, Reached } from './connect.js'
import { addressOf, dialAddress, dialUnix, portOf } from './connect.js'
import { dialInstance } from './dial.js'
import type { TryContext } from './outcome.js'

/**
 * Connects to the instance: through its own unix socket, if the library serves one, or to the shared listener until
 * this very instance accepts (dial.ts). A port that belongs to no listener is connected to directly.
 */
export async function reach(
  port: string | number,
  host: string | undefined,
  context: TryContext,
): Promise<Reached | NotReached> {
  const { listeners, probeDir } = context.target
  const listener = listeners.find((candidate) => candidate.name === port || portOf(candidate) === port)
  if (typeof port === 'string' && !listener) return { ok: false, reason: `there is no listener "${port}"` }
  if (host !== undefined || !listener) {
    const number = listener ? portOf(listener) : port
    return dialAddress(host ?? '127.0.0.1', Number(number), context)
  }
  const own = join(probeDir, `${listener.name}.sock`)
  if (existsSync(own)) return dialUnix(own, listener, '', context)
  const address = addressOf(listener)
  if (address) return dialInstance(address, listener, own, context)
  if (listener.spec.type !== 'unix')
    return { ok: false, reason: `the listener "${port}" takes no connections` }
  const note =
    ' (any instance may have answered: it cannot be told which one accepts on a shared unix socket)'
  return dialUnix(listener.spec.path, listener, note, context)
}
