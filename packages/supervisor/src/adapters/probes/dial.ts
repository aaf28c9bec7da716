import { existsSync } from 'node:fs'
import type { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Listener } from '../../ports.js'
import { attribute } from './attribution.js'
import type { NotReached, Reached } from './connect.js'
import { dialUnix, notReached, open, showAddress } from './connect.js'
import type { TryContext } from './outcome.js'
import { processGroup } from '../linux/process-group.js'

/** Connections that other instances accepted stay open, so that these accept no more of them. */
const maxHeld = 32

/** Connections per round: 1, 2, 4, 8. Several at once wake several instances. */
const maxDials = 8

/** Pause before the next round, doubled each time. */
const pauseMs = { first: 1, max: 50 }

/**
 * Connects to the listener until this very instance accepts. Nothing is sent before that is known, so a request
 * never reaches another instance. Which instance accepts is random: while others do, the search continues for
 * searchSeconds. It fails if no instance accepts within timeoutSeconds.
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
  let dials = 1
  let waitingSince: number | null = null
  let othersAccept = false
  context.allow(searchSeconds)
  try {
    for (let pause = pauseMs.first; !signal.aborted; pause = Math.min(pause * 2, pauseMs.max)) {
      // The library may have started in the meantime.
      if (existsSync(ownSocket)) return await dialUnix(ownSocket, listener, '', context)
      if (waitingSince === null) {
        const refused = await dial(listener, address, dials, held, signal)
        if (signal.aborted) break
        if (refused) return notReached(where, refused, context)
        dials = listener.own ? 1 : Math.min(dials * 2, maxDials)
      }
      const seen = attribute([...held], group)
      if (seen.state !== 'seen') return cannotSee(where, seen.state, target.pid)
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
      release(held, held.size - maxHeld)
      await delay(pause, undefined, { signal }).catch(() => undefined)
    }
  } finally {
    release(held, held.size)
  }
  const others = othersAccept ? ', only other instances did' : ''
  return { ok: false, reason: `${where} did not accept within ${searchSeconds} s${others}` }
}

/** Adds `count` connections. Returns an error if one of them was not established. */
async function dial(
  listener: Listener,
  address: { host: string; port: number },
  count: number,
  held: Set<Socket>,
  signal: AbortSignal,
): Promise<Error | null> {
  const results = await Promise.all(Array.from({ length: count }, () => openTo(listener, address, signal)))
  for (const result of results) if (!(result instanceof Error)) held.add(result)
  return results.find((result) => result instanceof Error) ?? null
}

/** A connection that an instance's own socket gets, if it has one. */
async function openTo(
  { own }: Listener,
  address: { host: string; port: number },
  signal: AbortSignal,
): Promise<Socket | Error> {
  const route = own?.route() ?? null
  if (route === null) return open(address, signal)
  const { end, ...from } = route
  try {
    return await open({ ...from, host: from.localAddress, port: address.port }, signal)
  } finally {
    end()
  }
}

/** Closes the `count` oldest connections. */
function release(held: Set<Socket>, count: number): void {
  for (const socket of [...held].slice(0, Math.max(0, count))) {
    socket.destroy()
    held.delete(socket)
  }
}

const cannotSee = (where: string, state: 'hidden' | 'gone', pid: number): NotReached => ({
  ok: false,
  reason:
    state === 'gone'
      ? `${where} was not reached: the process ${pid} is gone`
      : `${where} cannot be told from other instances: no permission to read /proc/${pid}/fd`,
})
