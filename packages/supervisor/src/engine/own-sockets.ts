import type { GroupMember, Instance, ServiceState } from '../model/index.js'
import type { GroupSocket, Listener, Sockets } from '../ports.js'

/**
 * The sockets of one TCP listener that instances have for themselves, and which of them get new connections. It begins
 * with the first instance without the library. From then on each new instance of the service gets one: a shared socket
 * could not be taken away from one of its users.
 */
export interface OwnSockets {
  /** The listener with a socket for this instance: its own from now on, or the shared one if `own` is false. */
  assign(instance: string, state: ServiceState, own: boolean): Listener
  /** After `Sockets.rejoin`: the instances have what an earlier supervisor gave them. */
  restore(members: GroupMember[], instances: Instance[]): void
  /** The same for an instance that has been assigned before. */
  of(instance: string): Listener
  /** Steers new connections to the instances that should get them. */
  steer(state: ServiceState): void
  /** Empty while all instances share the listener's own socket. */
  members(): GroupMember[]
}

export function ownSockets(sockets: Sockets, listener: Listener): OwnSockets {
  const owners = new Map<GroupSocket, string>()
  /** Instances that use the listener's own socket, the first of the group. */
  const sharers = new Set<string>()
  /** Gets the connections that arrive while there is no instance for them. The next instance takes it. */
  let parked: GroupSocket | null = null

  const all = () => sockets.group(listener)
  const socketOf = (instance: string) => all().find((socket) => owners.get(socket) === instance)
  const of = (instance: string): Listener => {
    const own = socketOf(instance)
    return own ? { ...listener, fd: own.fd, inode: own.inode, own } : listener
  }

  /** One that no instance has. Instances that are gone have left theirs. Null if the kernel refuses another one. */
  function free(instances: Instance[]): GroupSocket | null {
    const present = new Set(instances.map(({ id }) => id))
    const isShared = [...sharers].some((id) => present.has(id))
    const isFree = (socket: GroupSocket) =>
      !present.has(owners.get(socket) ?? '') && !(isShared && socket === all()[0])
    return parked && isFree(parked) ? parked : (all().find(isFree) ?? sockets.join(listener))
  }

  return {
    assign(instance, { instances }, own) {
      if (socketOf(instance)) return of(instance)
      const socket = own || owners.size > 0 ? free(instances.filter(({ id }) => id !== instance)) : null
      if (socket) owners.set(socket, instance)
      else sharers.add(instance)
      if (socket === parked) parked = null
      return of(instance)
    },
    restore(members, instances) {
      for (const socket of all()) {
        const owner = members.find(({ inode }) => inode === socket.inode)?.instance
        if (owner) owners.set(socket, owner)
      }
      for (const { id } of instances) if (!socketOf(id)) sharers.add(id)
    },
    of,
    steer({ instances }) {
      if (owners.size === 0) return
      const wanted = receivers(instances).flatMap(({ id }) => socketOf(id) ?? all()[0] ?? [])
      parked = wanted.length > 0 ? null : free(instances)
      if (parked) wanted.push(parked)
      if (wanted.length > 0) sockets.steer(listener, [...new Set(wanted)])
    },
    members: () =>
      owners.size === 0
        ? []
        : all().map((socket) => ({ inode: socket.inode, instance: owners.get(socket) ?? null })),
  }
}

/** Those that are ready. If none is: those that were, or those that start, which serve what is queued once they can. */
function receivers(instances: Instance[]): Instance[] {
  for (const wanted of ['ready', 'unready', 'starting'] as const) {
    const found = instances.filter(({ state }) => state === wanted)
    if (found.length > 0) return found
  }
  return []
}
