import { isDeepStrictEqual } from 'node:util'
import type { Instance, ListenerSpec, OpenListener, Result, ServiceState } from '../model/index.js'
import { ok } from '../model/index.js'
import type { BoundSocket, Listener, RecoverableSockets } from '../ports.js'
import type { OwnSockets } from './own-sockets.js'
import { ownSockets } from './own-sockets.js'

/**
 * The listening sockets of one service. They outlive instances and revisions: a listener is opened when the first
 * revision names it, and closed when no revision that may still run names it.
 */
export interface ListenerTable {
  /** Opens those that are not open yet. On failure none of them stays open. Returns whether any was opened. */
  acquire(specs: Record<string, ListenerSpec>): Result<boolean>
  /** Gets these back from the processes that hold them. Those that cannot be recovered are opened again. */
  recover(lost: OpenListener[], holders: number[], instances: Instance[]): Result<true>
  /** Takes over sockets that an instance has bound itself. Returns whether any was new. `warn` gets the reason of each failure. */
  discover(sockets: BoundSocket[], group: number, warn: (message: string) => void): boolean
  /** The open listeners with these specs, and all discovered ones, in the order in which they are passed to instances. */
  of(specs: Record<string, ListenerSpec>, instance?: string): Listener[]
  /** The same for an instance that is about to start. `own`: with a TCP socket of its own, where that is possible. */
  assign(specs: Record<string, ListenerSpec>, instance: string, state: ServiceState, own: boolean): Listener[]
  /** Steers new connections to the instances that should get them, where instances have sockets of their own. */
  steer(state: ServiceState): void
  /** Closes all listeners that are not in any of these. Returns whether any was closed. */
  retain(wanted: Record<string, ListenerSpec>[]): boolean
  open(): OpenListener[]
}

export function listenerTable(sockets: RecoverableSockets): ListenerTable {
  let table: Listener[] = []
  const own = new WeakMap<Listener, OwnSockets>()
  const ownOf = (listener: Listener): OwnSockets => {
    const known = own.get(listener) ?? ownSockets(sockets, listener)
    own.set(listener, known)
    return known
  }

  const find = (name: string, spec: ListenerSpec) =>
    table.find((listener) => listener.name === name && isDeepStrictEqual(listener.spec, spec))

  function shared(specs: Record<string, ListenerSpec>): Listener[] {
    const named = Object.entries(specs).flatMap(([name, spec]) => find(name, spec) ?? [])
    return [...named, ...table.filter(({ discovered }) => discovered)]
  }

  /** Adds all of them or, on failure, none. */
  function add<T>(wanted: T[], openOne: (one: T) => Result<Listener>): Result<boolean> {
    const opened: Listener[] = []
    for (const one of wanted) {
      const result = openOne(one)
      if (!result.ok) {
        for (const listener of opened) sockets.close(listener)
        return result
      }
      opened.push(result.value)
    }
    table = [...table, ...opened]
    return ok(opened.length > 0)
  }

  return {
    acquire(specs) {
      const missing = Object.entries(specs).filter(([name, spec]) => !find(name, spec))
      return add(missing, ([name, spec]) => sockets.listen(name, spec))
    },
    recover(lost, holders, instances) {
      const recovered = add(lost, (one) => {
        const recovered = sockets.recover(one, holders)
        if (!recovered.ok) return sockets.listen(one.name, one.spec)
        if (one.group) sockets.rejoin(recovered.value, one.group, holders)
        if (one.spec.type === 'tcp') ownOf(recovered.value).restore(one.group ?? [], instances)
        return recovered
      })
      return recovered.ok ? ok(true) : recovered
    },
    discover(bound, group, warn) {
      const before = table.length
      for (const socket of bound) {
        const taken = sockets.take(socket, group, new Set(table.map(({ inode }) => inode)))
        if (!taken.ok) warn(taken.failure.message)
        else if (taken.value) table = [...table, taken.value]
      }
      return table.length > before
    },
    of: (specs, instance) =>
      shared(specs).map((listener) => (instance === undefined ? listener : ownOf(listener).of(instance))),
    assign: (specs, instance, state, wantsOwn) =>
      shared(specs).map((listener) =>
        listener.spec.type === 'tcp' ? ownOf(listener).assign(instance, state, wantsOwn) : listener,
      ),
    steer(state) {
      for (const listener of table) ownOf(listener).steer(state)
    },
    retain(wanted) {
      const kept = new Set(wanted.flatMap(shared))
      const unwanted = table.filter((listener) => !kept.has(listener))
      for (const listener of unwanted) sockets.close(listener)
      table = table.filter((listener) => kept.has(listener))
      return unwanted.length > 0
    },
    open: () =>
      table.map((listener) => {
        const { name, spec, address, inode, discovered } = listener
        const group = ownOf(listener).members()
        return {
          ...{ name, spec, address, inode },
          ...(discovered && { discovered }),
          ...(group.length > 0 && { group }),
        }
      }),
  }
}
