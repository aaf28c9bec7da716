import { discoveredName } from '#shared/discovered-name.js'
import { suitability } from '#shared/requested-address.js'
import { hostOf, portOf } from '#shared/socket-address.js'
import type { Address, Listener } from '../../ports.js'
import { getsockname } from '../linux/posix.js'
import { groupMembers, heldSockets } from '../linux/proc.js'
import { inetSockets, unixSocketInode } from '../linux/socket-owner.js'
import { takeBound } from './take.js'

/**
 * The listener for an address that an instance could not bind: one of `known`, else the socket that a process of one of
 * these groups has bound, copied. Null if there is none.
 */
export function findBound(asked: Address, known: readonly Listener[], groups: number[]): Listener | null {
  const suitable = best(known, (listener) => suitability(addressOf(listener), asked))
  if (suitable) return suitable
  const inode = inodeAt(asked)
  const holder = inode === null ? null : holderIn(groups, inode)
  if (holder === null) return null
  const name = discoveredName(
    asked.type,
    asked.type === 'unix' ? asked.path : asked.port,
    known.map((listener) => ({ name: listener.name, type: listener.spec.type })),
  )
  const taken = takeBound({ name, ...holder }, holder.group, new Set())
  return taken.ok ? taken.value.listener : null
}

/** The first of those with the highest rank. Undefined if all have 0. */
function best<T>(all: readonly T[], rankOf: (one: T) => number): T | undefined {
  const ranked = all.map((one) => ({ one, rank: rankOf(one) })).filter(({ rank }) => rank > 0)
  return ranked.sort((a, b) => b.rank - a.rank)[0]?.one
}

/** From the kernel: in a spec, the port may be 0. */
function addressOf({ spec, fd }: Listener): Address {
  if (spec.type === 'unix') return { type: 'unix', path: spec.path }
  const bound = getsockname(fd)
  return { type: spec.type, host: hostOf(bound), port: portOf(bound) }
}

function inodeAt(asked: Address): number | null {
  if (asked.type === 'unix') return unixSocketInode(asked.path.replace('\0', '@'))
  const { type, port } = asked
  return best(inetSockets(type, port), ({ host }) => suitability({ type, host, port }, asked))?.inode ?? null
}

function holderIn(groups: number[], inode: number): { pid: number; fd: number; group: number } | null {
  const wanted = new Set([inode])
  for (const group of groups) {
    for (const pid of groupMembers(group)) {
      const held = heldSockets(pid, wanted)?.[0]
      if (held) return { pid, fd: held.fd, group }
    }
  }
  return null
}
