import { existsSync } from 'node:fs'
import type { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Listener } from '../../ports.js'
import { acceptedBy } from './attribution.js'
import type { NotReached, Reached } from './connect.js'
import { dialUnix, notReached, open, showAddress } from './connect.js'
import type { TryContext } from './outcome.js'

/** Connections that others accepted stay open meanwhile, so that these others have had theirs; no more than this. */
const heldAtMost = 32

/** Pause before the next dial or look, doubled each time up to the second figure. */
const pauseMs = { first: 1, longest: 25 }

/**
 * Dials the listener that all instances share until this very instance accepts. Nothing is sent before it is
 * known who did, so a request never reaches another one.
 */
export async function dialInstance(
  address: { host: string; port: number },
  listener: Listener,
  ownSocket: string,
  context: TryContext,
): Promise<Reached | NotReached> {
  const { target, signal, timeoutSeconds } = context
  const where = `"${listener.name}" of ${target.instance}`
  const others: Socket[] = []
  let taken = 0
  try {
    for (let pause = pauseMs.first; !signal.aborted; pause = longer(pause)) {
      // The library may have come up in the meantime.
      if (existsSync(ownSocket)) return await dialUnix(ownSocket, listener, '', context)
      const socket = await open(address, signal)
      if (socket instanceof Error) return notReached(where, socket, context)
      const answer = await whoAccepted(socket, target.pid, signal)
      if (answer === 'instance') {
        return { ok: true, socket, where, host: showAddress(address.host, address.port), note: '' }
      }
      others.push(socket)
      if (answer === 'hidden' || answer === 'gone') return hopeless(where, answer, target.pid)
      if (answer === 'other') taken += 1
      if (others.length > heldAtMost) others.shift()?.destroy()
      await untilNext(pause, signal)
    }
  } finally {
    for (const socket of others) socket.destroy()
  }
  const elsewhere =
    taken === 0 ? '' : ` (other instances accepted ${taken} ${taken === 1 ? 'time' : 'times'})`
  return { ok: false, reason: `${where} did not accept within ${timeoutSeconds} s${elsewhere}` }
}

type Answer = Awaited<ReturnType<typeof acceptedBy>>

/** Looks until somebody has accepted, or the time is over. */
async function whoAccepted(socket: Socket, pid: number, signal: AbortSignal): Promise<Answer> {
  for (let pause = pauseMs.first; !signal.aborted; pause = longer(pause)) {
    const answer = await acceptedBy(socket, pid)
    if (answer !== 'nobody') return answer
    // Closed by its other end before we saw whose that was.
    if (socket.destroyed) return 'other'
    await untilNext(pause, signal)
  }
  return 'nobody'
}

const longer = (pause: number): number => Math.min(pause * 2, pauseMs.longest)

const untilNext = (pause: number, signal: AbortSignal): Promise<void> =>
  delay(pause, undefined, { signal }).catch(() => undefined)

const hopeless = (where: string, answer: 'hidden' | 'gone', pid: number): NotReached => ({
  ok: false,
  reason:
    answer === 'gone'
      ? `${where} was not reached: the process ${pid} is gone`
      : `${where} cannot be told from other instances: /proc/${pid}/fd may not be read`,
})
