import type { GroupMember, Instance, ServiceState } from '../model/index.js'
import type { GroupSocket, Listener, Sockets } from '../ports.js'

/**
 * The sockets of one TCP listener that instances have for themselves, and which of them get new connections. It begins
 * with the first instance that wants one. From then on each new instance of the service gets one: a shared socket could
 * not be taken away from one of its users.
 */
export interface OwnSockets {
  /** The listener with a socket for this instance: its own from now on, or the shared one. See `Sharing`. */
  assign(instance: string, state: ServiceState, sharing: Sharing): Listener
  /** Takes over what the instances got from an earlier supervisor. */
  restore(members: GroupMember[], instances: Instance[], rejoin: (receivers: Set<number>) => void): void
  /** The same for an instance that has been assigned before. */
  of(instance: string): Listener
  /** The socket of the instance if it gets no new connections at present. Null if it does. */
  leaving(instance: string): Listener | null
  /** Why the instance has no socket of its own although it should have one. Null if it has one, or needs none. */
  refusal(instance: string): string | null
  /** Steers new connections to the instances that should get them. */
  steer(state: ServiceState): void
  /** Empty while all instances share the listener's own socket. */
  members(): GroupMember[]
}

/** `own`: it should have a socket of its own. `as others`: only if other instances have. `shared`: never. */
export type Sharing = 'own' | 'as others' | 'shared'

export function ownSockets(sockets: Sockets, listener: Listener): OwnSockets {
  /** The sockets of instances. Two have the same one if the later was started in place of one that hangs. */
  const owned = new Map<string, GroupSocket>()
  /**
   * Instances that use the listener's own socket, the first of the group. `refusal`: why, if they should not. `accepts`:
   * without the library it accepts until it is told to stop.
   */
  const sharers = new Map<string, { refusal: string | null; accepts: boolean }>()
  /** Gets the connections that arrive while there is no instance for them. The next instance takes it. */
  let parked: GroupSocket | null = null
  let receiving = new Set<GroupSocket>()
  /** Whether an instance has, or had, a socket of its own. */
  let grouped = false

  const all = () => sockets.group(listener)
  const usedBy = (instance: string) => owned.get(instance) ?? (sharers.has(instance) ? all()[0] : undefined)
  const of = (instance: string): Listener => {
    const socket = owned.get(instance)
    return socket ? { ...listener, fd: socket.fd, inode: socket.inode, own: socket } : listener
  }

  /**
   * Those that no process serves, the one at which most connections wait first: a connection cannot leave its socket, so
   * the next instance takes the socket of one that crashed or hangs.
   */
  function free(instances: Instance[]): GroupSocket[] {
    const isShared = instances.some(({ id }) => sharers.has(id))
    const waiting = grouped ? sockets.waiting(listener) : new Map<number, number>()
    const queued = ({ inode }: GroupSocket) => waiting.get(inode) ?? 0
    const isFree = (socket: GroupSocket) => {
      if (isShared && socket === all()[0]) return false
      const owners = instances.filter(({ id }) => owned.get(id) === socket)
      return owners.length === 0 || (queued(socket) > 0 && !owners.some(serves))
    }
    const preferred = (socket: GroupSocket) => queued(socket) + (socket === parked ? 0.5 : 0)
    return all()
      .filter(isFree)
      .sort((a, b) => preferred(b) - preferred(a))
  }

  function own(instance: string, socket: GroupSocket, others: Instance[]): void {
    for (const { id, state } of others) if (state === 'crashed' && owned.get(id) === socket) owned.delete(id) // it gets another when it is restarted
    owned.set(instance, socket)
    grouped = true
    if (socket === parked) parked = null
  }

  /**
   * Without those that a program without the library accepts from until it is told to stop, while another is left: when
   * `steer` has become true, old instances share one socket.
   */
  function withoutDraining(wanted: GroupSocket[], instances: Instance[]): GroupSocket[] {
    const drained = instances.some(({ id, state }) => state === 'draining' && sharers.get(id)?.accepts)
    const left = wanted.filter((socket) => !drained || socket !== all()[0])
    return left.length > 0 ? left : wanted
  }

  function another(): GroupSocket | string {
    const joined = sockets.join(listener)
    return joined.ok ? joined.value : joined.failure.message
  }

  function park(instances: Instance[]): GroupSocket | null {
    const socket = free(instances)[0] ?? another()
    return typeof socket === 'string' ? null : socket
  }

  return {
    assign(instance, { instances }, sharing) {
      if (owned.has(instance)) return of(instance)
      const wantsOwn = sharing === 'own' || (sharing === 'as others' && grouped)
      const others = instances.filter(({ id }) => id !== instance)
      const socket = wantsOwn ? (free(others)[0] ?? another()) : null
      sharers.delete(instance)
      if (socket === null || typeof socket === 'string')
        sharers.set(instance, { refusal: socket, accepts: sharing !== 'as others' })
      else own(instance, socket, others)
      return of(instance)
    },
    restore(members, instances, rejoin) {
      const receivers = new Set(receiversAmong(instances).map(({ id }) => id))
      rejoin(new Set(members.flatMap(({ inode, instance }) => (receivers.has(instance ?? '') ? inode : []))))
      for (const socket of all()) {
        const owner = members.find(({ inode }) => inode === socket.inode)?.instance
        if (owner) owned.set(owner, socket)
      }
      grouped = members.length > 0
      for (const { id } of instances) if (!owned.has(id)) sharers.set(id, { refusal: null, accepts: false })
    },
    of,
    leaving(instance) {
      const socket = usedBy(instance)
      if (!grouped || !socket || receiving.has(socket)) return null
      return { ...listener, fd: socket.fd, inode: socket.inode, own: socket }
    },
    refusal: (instance) => sharers.get(instance)?.refusal ?? null,
    steer({ instances }) {
      if (!grouped) return
      const present = new Set(instances.map(({ id }) => id))
      for (const id of sharers.keys()) if (!present.has(id)) sharers.delete(id)
      for (const id of owned.keys()) if (!present.has(id)) owned.delete(id)
      const wanted = withoutDraining(
        receiversAmong(instances).flatMap(({ id }) => usedBy(id) ?? []),
        instances,
      )
      parked = wanted.length > 0 ? null : (parked ?? park(instances))
      receiving = new Set(parked ? [parked] : wanted)
      if (receiving.size > 0) sockets.steer(listener, [...receiving])
    },
    members: () =>
      !grouped
        ? []
        : all().map((socket) => {
            const [instance = null] = [...owned].findLast(([, one]) => one === socket) ?? []
            return { inode: socket.inode, instance }
          }),
  }
}

/** It failed its liveness probe or has exited: what is queued for it is not accepted before another process does. */
const serves = (instance: Instance): boolean => instance.state !== 'crashed' && !isHung(instance)

const isHung = ({ failure }: Instance): boolean => failure !== null && failure.code !== 'MemoryExceeded'

/**
 * Those that are ready. If none is: those that were, those that start, which serve what is queued once they can, or those
 * that are restarted.
 */
function receiversAmong(instances: Instance[]): Instance[] {
  for (const wanted of ['ready', 'unready', 'starting', 'crashed'] as const) {
    const found = instances.filter(({ state }) => state === wanted)
    const healthy = found.filter((instance) => !isHung(instance))
    if (found.length > 0) return healthy.length > 0 ? healthy : found
  }
  return []
}
