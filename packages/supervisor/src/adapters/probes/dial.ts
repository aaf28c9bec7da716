import { existsSync } from 'node:fs'
import type { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Listener } from '../../ports.js'
import { attribute } from './attribution.js'
import type { NotReached, Reached } from './connect.js'
import { dialUnix, notReached, open, showAddress } from './connect.js'
import type { TryContext } from './outcome.js'
import { processGroup } from '../linux/process-group.js'

/** Connections that others accepted stay open meanwhile, so that these others have had theirs; no more than this. */
const heldAtMost = 32

/** How many are dialled at once: one, then two, … Several that arrive together wake several instances. */
const dialledAtMost = 8

/** Pause before the next round, doubled each time up to the second figure. */
const pauseMs = { first: 1, longest: 50 }

/**
 * Dials the listener that all instances share until this very instance accepts. Nothing is sent before it is
 * known who did, so a request never reaches another one. Who accepts is chance: while others do, the search goes
 * on for a whole period. That nobody does within timeoutSeconds is a failure.
 */
export async function dialInstance(
  address: { host: string; port: number },
  listener: Listener,
  ownSocket: string,
  context: TryContext,
): Promise<Reached | NotReached> {
  const { target, signal, searchSeconds, timeoutSeconds } = context
  const where = `"${listener.name}" of ${target.instance}`
  const host = showAddress(address.host, address.port)
  const group = processGroup(target.pid)
  const held = new Set<Socket>()
  let dialled = 1
  let waitingSince: number | null = null
  let othersAccept = false
  context.allow(searchSeconds)
  try {
    for (let pause = pauseMs.first; !signal.aborted; pause = Math.min(pause * 2, pauseMs.longest)) {
      // The library may have come up in the meantime.
      if (existsSync(ownSocket)) return await dialUnix(ownSocket, listener, '', context)
      if (waitingSince === null) {
        const refused = await dial(address, dialled, held, signal)
        if (signal.aborted) break
        if (refused) return notReached(where, refused, context)
        dialled = Math.min(dialled * 2, dialledAtMost)
      }
      const seen = attribute([...held], group)
      if (seen.state !== 'seen') return hopeless(where, seen.state, target.pid)
      if (seen.own) {
        held.delete(seen.own)
        context.allow(timeoutSeconds)
        return { ok: true, socket: seen.own, where, host, note: '' }
      }
      othersAccept ||= seen.waiting < held.size
      waitingSince = seen.waiting === 0 ? null : (waitingSince ?? performance.now())
      if (waitingSince !== null && performance.now() - waitingSince >= timeoutSeconds * 1000) {
        return { ok: false, reason: `${where} did not accept within ${timeoutSeconds} s` }
      }
      release(held, held.size - heldAtMost)
      await delay(pause, undefined, { signal }).catch(() => undefined)
    }
  } finally {
    release(held, held.size)
  }
  const others = othersAccept ? ', only other instances did' : ''
  return { ok: false, reason: `${where} did not accept within ${searchSeconds} s${others}` }
}

/** Adds that many connections; an error if one was not established. */
async function dial(
  address: { host: string; port: number },
  count: number,
  held: Set<Socket>,
  signal: AbortSignal,
): Promise<Error | null> {
  const results = await Promise.all(Array.from({ length: count }, () => open(address, signal)))
  for (const result of results) if (!(result instanceof Error)) held.add(result)
  return results.find((result) => result instanceof Error) ?? null
}

/** Ends the oldest ones. */
function release(held: Set<Socket>, count: number): void {
  for (const socket of [...held].slice(0, Math.max(0, count))) {
    socket.destroy()
    held.delete(socket)
  }
}

const hopeless = (where: string, state: 'hidden' | 'gone', pid: number): NotReached => ({
  ok: false,
  reason:
    state === 'gone'
      ? `${where} was not reached: the process ${pid} is gone`
      : `${where} cannot be told from other instances: /proc/${pid}/fd may not be read`,
})
