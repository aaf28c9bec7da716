import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Listener, ProbeTarget } from '../../ports.js'
import type { NotReached, Reached } from './connect.js'
import { addressOf, dialAddress, dialUnix, portOf } from './connect.js'
import { dialInstance } from './dial.js'
import type { TryContext } from './outcome.js'

/**
 * Connects to the instance: through its own unix socket, if the library serves one, or to the shared listener until
 * this very instance accepts (dial.ts). A port that belongs to no listener is connected to directly.
 */
export async function reach(
  port: string | number | undefined,
  host: string | undefined,
  context: TryContext,
): Promise<Reached | NotReached> {
  const { listeners, probeDir } = context.target
  const listener =
    port === undefined
      ? firstStream(listeners)
      : listeners.find((candidate) => candidate.name === port || portOf(candidate) === port)
  if (!listener && typeof port !== 'number') return { ok: false, reason: noListener(port, context.target) }
  if (host !== undefined || !listener) {
    const number = listener ? portOf(listener) : port
    return dialAddress(host ?? '127.0.0.1', Number(number), context)
  }
  const own = join(probeDir, `${listener.name}.sock`)
  if (existsSync(own)) return dialUnix(own, listener, '', context)
  const address = addressOf(listener)
  if (address) return dialInstance(address, listener, own, context)
  if (listener.spec.type !== 'unix')
    return { ok: false, reason: `the listener "${listener.name}" takes no connections` }
  const note =
    ' (any instance may have answered: it cannot be told which one accepts on a shared unix socket)'
  return dialUnix(listener.spec.path, listener, note, context)
}

const firstStream = (listeners: Listener[]): Listener | undefined =>
  listeners.find(({ spec }) => spec.type === 'tcp') ?? listeners.find(({ spec }) => spec.type === 'unix')

const noListener = (port: string | undefined, { instance, listeners }: ProbeTarget): string => {
  const known = listeners.map(({ name }) => name).join(', ') || 'none'
  return port === undefined
    ? `${instance} has no listener for the probe yet: it has not reported that it listens on any`
    : `there is no listener "${port}" (there is ${known})`
}
