import { isDeepStrictEqual } from 'node:util'
import type {
  GroupMember,
  Instance,
  ListenerSpec,
  OpenListener,
  Result,
  ServiceSpec,
  ServiceState,
} from '../model/index.js'
import { ok } from '../model/index.js'
import type { Address, BoundSocket, Listener, RecoverableSockets } from '../ports.js'
import { isSamePlace, uniqueName } from './listener-names.js'
import type { OwnSockets, Sharing } from './own-sockets.js'
import { ownSockets } from './own-sockets.js'

/**
 * The listening sockets of one service. They outlive instances and revisions: a configured listener is opened when the
 * first revision names it, and closed when no revision that may still run names it. A discovered one is added when an
 * instance has bound it, and closed when no instance uses it any more.
 */
export interface ListenerTable {
  /**
   * Opens those that are not open yet. A discovered listener on the same address becomes the configured one. On failure
   * nothing has changed. Returns whether anything has.
   */
  acquire(specs: Record<string, ListenerSpec>): Result<boolean>
  /** Gets these back from the processes that hold them. Configured ones that cannot be recovered are opened again. */
  recover(lost: OpenListener[], holders: number[], instances: Instance[]): Result<true>
  /** Those of these that no instance holds any more, but the service manager has kept. Returns whether there were any. */
  reclaim(lost: OpenListener[]): boolean
  /** Takes over sockets that an instance has bound itself. `warn` gets the reason of each failure. */
  discover(sockets: BoundSocket[], origin: Origin, warn: (message: string) => void): Discovery
  /**
   * The listener for an address that is in use, and whether it is new in this table: one of the instances, whose process
   * groups these are, may have bound it just now. Null if there is none.
   */
  find(address: Address, groups: number[], readyMs: number): { listener: Listener; isNew: boolean } | null
  /** The open listeners of a revision with this spec, in the order in which they are passed to its instances. */
  of(spec: ListenSpec, instance?: string): Listener[]
  /** The same for an instance that is about to start. `sharing`: whether it has TCP sockets of its own. */
  assign(spec: ListenSpec, instance: string, state: ServiceState, sharing: Sharing): Listener[]
  /** Whether the instance has a TCP socket of its own. */
  hasOwn(instance: string): boolean
  /** The TCP sockets of the instance that get no new connections. None while instances share the listeners' own. */
  leaving(spec: ListenSpec, instance: string): Listener[]
  /** Which TCP listeners the instance shares although it should have a socket of its own, each with the reason. */
  refusals(spec: ListenSpec, instance: string): { listener: string; reason: string }[]
  /** Steers new connections to the instances that should get them, where instances have sockets of their own. */
  steer(state: ServiceState): void
  /** Closes the configured listeners that are in none of these and, if there are none, all. Returns whether any was closed. */
  retain(wanted: Record<string, ListenerSpec>[]): boolean
  /** Whether connections or datagrams wait in the listener's queue. */
  isWaitedOn(name: string): boolean
  /** Looks after the files of the unix listeners. Returns those that were removed and are back since the last look. */
  checkFiles(): { renewed: OpenListener[] }
  /** Why nobody can connect to a listener, in sentences, as of the last look. */
  troubles(): string[]
  /** Closes a discovered listener. */
  close(name: string): void
  open(): OpenListener[]
}

type ListenSpec = Pick<ServiceSpec, 'listen' | 'discover'>

/** The instance that has bound a socket. */
export interface Origin {
  /** Its process group. */
  group: number
  /** How long it has been ready, in milliseconds. 0 before that. */
  readyMs: number
}

export interface Discovery {
  /** The listeners that the instance has bound. */
  names: string[]
  /** Those of them that are new. */
  opened: OpenListener[]
}

export function listenerTable(sockets: RecoverableSockets): ListenerTable {
  let table: Listener[] = []
  let gone: Listener[] = []
  /** By descriptor: a listener can get another name. */
  const own = new Map<number, OwnSockets>()
  const ownOf = (listener: Listener): OwnSockets => {
    const known = own.get(listener.fd) ?? ownSockets(sockets, listener)
    own.set(listener.fd, known)
    return known
  }

  const find = (name: string, spec: ListenerSpec) =>
    table.find((listener) => listener.name === name && isDeepStrictEqual(listener.spec, spec))
  const configured = (specs: Record<string, ListenerSpec>): Listener[] =>
    Object.entries(specs).flatMap(([name, spec]) => find(name, spec) ?? [])
  const discovered = () => table.filter((listener) => listener.discovered)

  const shared = ({ listen, discover }: ListenSpec): Listener[] => [
    ...configured(listen),
    ...(discover === false ? [] : discovered()),
  ]

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

  function remove(unwanted: Listener[]): void {
    for (const listener of unwanted) {
      sockets.close(listener)
      own.delete(listener.fd)
    }
    table = table.filter((listener) => !unwanted.includes(listener))
  }

  /** The name of the listener that the socket is from now on. Null if it is none. */
  function takeOne(
    socket: BoundSocket,
    { group, readyMs }: Origin,
    opened: OpenListener[],
  ): Result<string | null> {
    const taken = sockets.take(socket, group, new Set(table.map(({ inode }) => inode)))
    if (!taken.ok) return taken
    const { inode, listener } = taken.value
    if (listener === null) return ok(table.find((known) => known.inode === inode)?.name ?? null)
    const rival = table.find(({ spec }) => isSamePlace(spec, listener.spec))
    if (rival && !(rival.discovered && rival.spec.type === 'unix')) {
      // SO_REUSEPORT: instances that bind it again keep their own socket, which nobody else accepts from.
      sockets.close(listener)
      return ok(null)
    }
    if (rival) remove([rival]) // Its file was replaced: nobody can connect to it any more.
    const name = uniqueName(listener, table)
    const named: Listener = { ...listener, name, ...(readyMs > 0 && { lateMs: readyMs }) }
    table = [...table, named]
    opened.push(described(named, []))
    return ok(name)
  }

  return {
    acquire(specs) {
      // A configured one is bound again here, and a discovered one by the application.
      const lost = table.filter((listener) => sockets.checkFile(listener) === 'gone')
      const isKnown = (known: Listener | undefined) => known !== undefined && !lost.includes(known)
      const missing = Object.entries(specs).filter(([name, spec]) => !isKnown(find(name, spec)))
      const known = missing.map(([, spec]) =>
        discovered().find((other) => isKnown(other) && isSamePlace(other.spec, spec)),
      )
      const added = add(
        missing.filter((_, index) => known[index] === undefined),
        ([name, spec]) => sockets.listen(name, spec),
      )
      if (!added.ok) return added
      remove(lost)
      missing.forEach(([name, spec], index) => {
        const { fd, inode, address } = known[index] ?? {}
        if (fd === undefined || inode === undefined || address === undefined) return
        table = table.map((listener) => (listener.fd === fd ? { name, spec, fd, inode, address } : listener))
      })
      return ok(missing.length + lost.length > 0)
    },
    recover(lost, holders, instances) {
      for (const listener of lost) {
        const recovered = sockets.recover(listener, holders)
        // A discovered one is bound again by the application.
        if (!recovered.ok && listener.discovered) continue
        const opened = recovered.ok ? recovered : sockets.listen(listener.name, listener.spec)
        if (!opened.ok) {
          remove(table)
          return opened
        }
        const { group = [] } = listener
        const rejoin = (receivers: Set<number>) => sockets.rejoin(opened.value, group, holders, receivers)
        if (recovered.ok && listener.spec.type === 'tcp')
          ownOf(recovered.value).restore(group, instances, rejoin)
        table = [...table, opened.value]
      }
      return ok(true)
    },
    reclaim(lost) {
      const kept = lost.flatMap((listener) => {
        if (table.some(({ spec }) => isSamePlace(spec, listener.spec))) return []
        const recovered = sockets.recover(listener, [])
        return recovered.ok ? [{ ...recovered.value, name: uniqueName(listener, table) }] : []
      })
      table = [...table, ...kept]
      return kept.length > 0
    },
    discover(bound, origin, warn) {
      const opened: OpenListener[] = []
      const names = bound.flatMap((socket) => {
        const taken = takeOne(socket, origin, opened)
        if (!taken.ok) warn(taken.failure.message)
        return taken.ok && taken.value !== null ? [taken.value] : []
      })
      return { names, opened }
    },
    find(address, groups, readyMs) {
      const found = sockets.findBound(address, table, groups)
      if (found === null || table.includes(found)) return found && { listener: found, isNew: false }
      const listener = { ...found, ...(readyMs > 0 && { lateMs: readyMs }) }
      table = [...table, listener]
      return { listener, isNew: true }
    },
    of: (spec, instance) =>
      shared(spec).map((listener) =>
        instance === undefined ? listener : named(ownOf(listener).of(instance), listener),
      ),
    assign: (spec, instance, state, sharing) =>
      shared(spec).map((listener) =>
        listener.spec.type === 'tcp'
          ? named(ownOf(listener).assign(instance, state, sharing), listener)
          : listener,
      ),
    hasOwn: (instance) => table.some((listener) => ownOf(listener).of(instance).own !== undefined),
    leaving: (spec, instance) => shared(spec).flatMap((listener) => ownOf(listener).leaving(instance) ?? []),
    refusals: (spec, instance) =>
      shared(spec).flatMap((listener) => {
        const reason = ownOf(listener).refusal(instance)
        return reason === null ? [] : { listener: listener.name, reason }
      }),
    steer(state) {
      for (const listener of table) ownOf(listener).steer(state)
    },
    retain(wanted) {
      const kept = new Set(wanted.length === 0 ? [] : [...wanted.flatMap(configured), ...discovered()])
      const unwanted = table.filter((listener) => !kept.has(listener))
      remove(unwanted)
      return unwanted.length > 0
    },
    isWaitedOn(name) {
      const listener = table.find((other) => other.name === name)
      return listener !== undefined && sockets.isWaitedOn(listener)
    },
    checkFiles() {
      const looked = table.map((listener) => ({ listener, file: sockets.checkFile(listener) }))
      const those = (wanted: string) =>
        looked.filter(({ file }) => file === wanted).map(({ listener }) => listener)
      gone = those('gone')
      return { renewed: those('renewed') }
    },
    troubles: () => gone.filter((listener) => table.includes(listener)).map(describeGone),
    close: (name) => remove(discovered().filter((listener) => listener.name === name)),
    open: () => table.map((listener) => described(listener, ownOf(listener).members())),
  }
}

const named = (own: Listener, { name, spec }: Listener): Listener => ({ ...own, name, spec })

/** Why nobody can connect to a unix listener, and what to do. */
const describeGone = ({ name, address }: OpenListener): string =>
  `the file of the listener "${name}", ${address.replace(/^unix:/, '')}, was removed and cannot be put back: nobody can connect to it until 'handover upgrade' binds it again`

const described = ({ fd: _, ...listener }: Listener, group: GroupMember[]): OpenListener =>
  group.length > 0 ? { ...listener, group } : listener
