import { existsSync } from 'node:fs'
import type { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Listener } from '../../ports.js'
import { acceptedBy } from './attribution.js'
import type { TryContext } from './outcome.js'
import type { NotReached, Reached } from './connect.js'
import { dialUnix, notReached, open, showAddress } from './connect.js'

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
  const { target, signal } = context
  const where = `"${listener.name}" of ${target.instance}`
  const others: Socket[] = []
  let taken = 0
  try {
    for (let pause = pauseMs.first; !signal.aborted; pause = Math.min(pause * 2, pauseMs.longest)) {
      // The library may have come up in the meantime.
      if (existsSync(ownSocket)) return await dialUnix(ownSocket, listener, '', context)
      const socket = await open(address, signal)
      if (socket instanceof Error) {
        if (signal.aborted) break
        return notReached(where, socket, context)
      }
      others.push(socket)
      const answer = await whoAccepted(socket, target.pid, signal)
      if (answer === 'instance') {
        others.pop()
        return { ok: true, socket, where, host: showAddress(address.host, address.port), note: '' }
      }
      if (answer === 'hidden')
        return {
          ok: false,
          reason: `${where} cannot be told from other instances: /proc/${target.pid}/fd may not be read`,
        }
      if (answer === 'gone')
        return { ok: false, reason: `${where} was not reached: the process ${target.pid} is gone` }
      if (answer === 'other') taken += 1
      if (others.length > heldAtMost) others.shift()?.destroy()
      await delay(pause, undefined, { signal }).catch(() => undefined)
    }
  } finally {
    for (const socket of others) socket.destroy()
  }
  return {
    ok: false,
    reason: `${where} did not accept within ${context.timeoutSeconds} s${acceptedElsewhere(taken)}`,
  }
}

const acceptedElsewhere = (taken: number): string =>
  taken === 0 ? '' : ` (other instances accepted ${taken} ${taken === 1 ? 'time' : 'times'})`

type Answer = 'instance' | 'other' | 'nobody' | 'hidden' | 'gone'

/** Looks until somebody has accepted, or the time is over. */
async function whoAccepted(socket: Socket, pid: number, signal: AbortSignal): Promise<Answer> {
  for (let pause = pauseMs.first; !signal.aborted; pause = Math.min(pause * 2, pauseMs.longest)) {
    const answer = await acceptedBy(socket, pid)
    if (answer !== 'nobody') return answer
    if (socket.destroyed) return 'other'
    await delay(pause, undefined, { signal }).catch(() => undefined)
  }
  return 'nobody'
}
