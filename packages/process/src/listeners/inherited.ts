import path from 'node:path'
import type { ListenHandle } from '../node/handle.js'
import type { SocketKind } from '../node/datagram-handle.js'
import type { Environment } from '../protocol/environment.js'
import { InheritedListenersError } from '../protocol/errors.js'
import { formatAddress, listenAddresses, socketInode, type ListenAddress } from '../system/socket-table.js'

/** A listening or UDP socket that this process was started with, and that outlives it. */
export interface InheritedListener {
  /** From LISTEN_FDNAMES. Default: `unknown`, as in sd_listen_fds_with_names(3). */
  name: string
  fd: number
  /** Null if no Node API can use it, for example a unix datagram socket. */
  address: ListenAddress | null
  /** Whether a server listens on it or a UDP socket reads from it, or is about to. */
  adopted: boolean
  /** An earlier instance has bound it: the configuration does not name it, and an application may do without it. */
  discovered?: boolean
  /** That instance has asked for port 0. */
  anyPort?: boolean
  /** The handle of a server that was closed. It stays open, because closing it would close the descriptor. */
  kept?: ListenHandle
}

/** What a server or UDP socket asks for. `name` takes precedence over the address. */
export interface ListenTarget {
  name?: string | undefined
  host?: string | undefined
  port?: number | undefined
  path?: string | undefined
}

const firstDescriptor = 3 // SD_LISTEN_FDS_START

/**
 * The listeners of LISTEN_FDS (sd_listen_fds(3)). `kept`: those that an earlier program of this process has left, used
 * instead. Default: null.
 *
 * @throws InheritedListenersError when the variables contradict each other or the open descriptors.
 */
export function inheritedListeners(
  environment: Environment,
  kept: { name: string; fd: number }[] | null = null,
): InheritedListener[] {
  if (kept !== null) return marked(withAddresses(kept), environment)
  if (environment.LISTEN_FDS === undefined) return []
  const count = /^\d{1,4}$/.test(environment.LISTEN_FDS) ? Number(environment.LISTEN_FDS) : NaN
  if (Number.isNaN(count)) {
    throw new InheritedListenersError(
      `LISTEN_FDS is "${environment.LISTEN_FDS}", wanted a number of descriptors`,
    )
  }
  const names = (environment.LISTEN_FDNAMES || undefined)?.split(':') ?? Array<string>(count).fill('unknown')
  if (names.length !== count) {
    throw new InheritedListenersError(
      `LISTEN_FDNAMES is "${environment.LISTEN_FDNAMES}", wanted ${count} names, got ${names.length}`,
    )
  }
  for (let i = 0; i < count; i++) checkSocket(firstDescriptor + i, count)
  return marked(withAddresses(names.map((name, i) => ({ name, fd: firstDescriptor + i }))), environment)
}

/** Marks those that an earlier instance has bound. */
function marked(listeners: InheritedListener[], environment: Environment): InheritedListener[] {
  const discovered = new Set(environment.HANDOVER_DISCOVERED?.split(':'))
  const anyPort = new Set(environment.HANDOVER_ANY_PORT?.split(':'))
  return listeners.map((listener) => ({
    ...listener,
    ...(discovered.has(listener.name) && { discovered: true }),
    ...(anyPort.has(listener.name) && { anyPort: true }),
  }))
}

/** Looks up the addresses of bare descriptors. The listeners are marked as not adopted. */
export function withAddresses(descriptors: readonly { name: string; fd: number }[]): InheritedListener[] {
  const inodes = descriptors.map(({ fd }) => socketInode(fd) ?? '')
  const addresses = listenAddresses(inodes)
  return descriptors.map(({ name, fd }, i) => ({
    name,
    fd,
    address: addresses.get(inodes[i] ?? '') ?? null,
    adopted: false,
  }))
}

/**
 * The listener for `target` among those that are not adopted: by name, else by unix path, else by port. Of several with
 * the same port, an equal host is preferred to a wildcard, and a wildcard to any other host. The host need not match:
 * a listener on `0.0.0.0` is still the right one for a server that asks for `localhost`. But another host than that of a
 * discovered listener is another address, which is bound. Port 0 is the first listener for which an earlier instance has
 * asked for port 0.
 */
export function findListener(
  listeners: readonly InheritedListener[],
  target: ListenTarget,
  kind: SocketKind = 'stream',
): InheritedListener | undefined {
  const free = listeners.filter(({ adopted, address }) => !adopted && address !== null && fits(address, kind))
  const byName = target.name === undefined ? undefined : free.find(({ name }) => name === target.name)
  if (byName !== undefined) return byName
  if (target.path !== undefined) {
    const socketPath = absolutePath(target.path)
    return free.find(({ address }) => address?.type === 'unix' && absolutePath(address.path) === socketPath)
  }
  if (target.port === undefined) return undefined
  if (target.port === 0) return free.find(({ anyPort, address }) => anyPort && address?.type === 'tcp')
  const rank = ({ address, discovered }: InheritedListener): number => {
    if (address === null || address.type === 'unix' || address.port !== target.port) return 0
    const other = discovered ? 0 : 1
    if (target.host === undefined) return wildcards.includes(address.host) ? 3 : other
    return sameHost(address.host, target.host) ? 3 : wildcards.includes(address.host) ? 2 : other
  }
  return free.filter((listener) => rank(listener) > 0).sort((a, b) => rank(b) - rank(a))[0]
}

/** A socket for IPv4 can use the IPv6 wildcard, which receives IPv4 as well. */
function fits(address: ListenAddress, kind: SocketKind): boolean {
  if (kind === 'stream') return address.type !== 'udp'
  if (address.type !== 'udp') return false
  return address.host === '::' || address.host.includes(':') === (kind === 'udp6')
}

/** For messages: `"http" (127.0.0.1:3000)`. */
export function describeListener({ name, address, fd }: InheritedListener): string {
  return `"${name}" (${address === null ? `descriptor ${fd}` : formatAddress(address)})`
}

/** Abstract sockets (unix(7)) have no folder. */
export const absolutePath = (socketPath: string): string =>
  socketPath.startsWith('\0') ? socketPath : path.resolve(socketPath)

const wildcards = ['0.0.0.0', '::']

function sameHost(bound: string, asked: string): boolean {
  if (bound === asked || asked === `::ffff:${bound}`) return true
  return asked === 'localhost' && (bound === '127.0.0.1' || bound === '::1')
}

function checkSocket(fd: number, count: number): void {
  if (socketInode(fd) === null) {
    throw new InheritedListenersError(
      `LISTEN_FDS is "${count}", but descriptor ${fd} is not a socket; was the program started by a launcher that does not pass descriptors on?`,
    )
  }
}
