import { isDeepStrictEqual } from 'node:util'
import type { ListenerSpec, Result } from '../model/index.js'
import { ok } from '../model/index.js'
import type { Listener, Sockets } from '../ports.js'

/**
 * The listening sockets of one service. They outlive instances and revisions: a listener is opened when the
 * first revision names it and closed when no revision that may still run does.
 */
export interface ListenerTable {
  /** Opens what is not open yet; on failure nothing is left opened. */
  acquire(specs: Record<string, ListenerSpec>): Result<Listener[]>
  /** The open listeners of that revision, in the order in which they are passed on. */
  of(specs: Record<string, ListenerSpec>): Listener[]
  /** Closes every listener that none of these revisions names. */
  retain(wanted: Record<string, ListenerSpec>[]): void
  all(): Listener[]
}

export function listenerTable(sockets: Sockets): ListenerTable {
  let open: Listener[] = []

  const find = (name: string, spec: ListenerSpec) =>
    open.find((listener) => listener.name === name && isDeepStrictEqual(listener.spec, spec))

  function of(specs: Record<string, ListenerSpec>): Listener[] {
    return Object.entries(specs).flatMap(([name, spec]) => find(name, spec) ?? [])
  }

  return {
    acquire(specs) {
      const opened: Listener[] = []
      for (const [name, spec] of Object.entries(specs)) {
        if (find(name, spec)) continue
        const result = sockets.listen(name, spec)
        if (!result.ok) {
          for (const listener of opened) sockets.close(listener)
          return result
        }
        opened.push(result.value)
      }
      open = [...open, ...opened]
      return ok(of(specs))
    },
    of,
    retain(wanted) {
      const kept = new Set(wanted.flatMap(of))
      for (const listener of open) if (!kept.has(listener)) sockets.close(listener)
      open = open.filter((listener) => kept.has(listener))
    },
    all: () => open,
  }
}
