import path from 'node:path'
import type { ListenHandle } from '../node/accept-queue.js'
import type { SocketKind } from '../node/datagram-handle.js'
import type { Environment } from '../protocol/environment.js'
import { InheritedListenersError } from '../protocol/errors.js'
import { formatAddress, listenAddresses, socketInode, type ListenAddress } from '../system/socket-table.js'

/** A listening or UDP socket that came with the process and outlives it. */
export interface InheritedListener {
  /** From LISTEN_FDNAMES; `unknown` where there is none, as in sd_listen_fds_with_names(3). */
  name: string
  fd: number
  /** Null: nothing of Node's can adopt it. It is a unix datagram socket, for example, which Node does not have. */
  address: ListenAddress | null
  /** A server listens on it, or a UDP socket reads from it, or is just about to. */
  adopted: boolean
  /** The handle of an earlier server, which was kept because closing it would close the descriptor. */
  kept?: ListenHandle
}

/** What a server asks for. */
export interface ListenTarget {
  name?: string | undefined
  host?: string | undefined
  port?: number | undefined
  path?: string | undefined
}

const firstDescriptor = 3 // SD_LISTEN_FDS_START

/**
 * `kept`: what an earlier program of this process left, instead of LISTEN_FDS.
 *
 * @throws InheritedListenersError when the variables contradict themselves or the open descriptors.
 */
export function inheritedListeners(
  environment: Environment,
  kept: { name: string; fd: number }[] | null = null,
): InheritedListener[] {
  if (kept !== null) return withAddresses(kept)
  if (environment.LISTEN_FDS === undefined) return []
  const count = /^\d{1,4}$/.test(environment.LISTEN_FDS) ? Number(environment.LISTEN_FDS) : NaN
  if (Number.isNaN(count)) {
    throw new InheritedListenersError(
      `LISTEN_FDS is "${environment.LISTEN_FDS}", a number of descriptors was expected`,
    )
  }
  const names = (environment.LISTEN_FDNAMES || undefined)?.split(':') ?? Array<string>(count).fill('unknown')
  if (names.length !== count) {
    throw new InheritedListenersError(
      `LISTEN_FDNAMES is "${environment.LISTEN_FDNAMES}", which is ${names.length} names for ${count} descriptors`,
    )
  }
  for (let i = 0; i < count; i++) checkSocket(firstDescriptor + i, count)
  return withAddresses(names.map((name, i) => ({ name, fd: firstDescriptor + i })))
}

/** Listeners that nobody has adopted yet, from bare descriptors. */
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
 * The listener that was meant, among those that nobody has adopted: by name; else by unix path; else by port,
 * where an equal host wins over a wildcard, and a wildcard over any other host. That a server asks for
 * `localhost` where the listener has `0.0.0.0` is no reason to leave the listener without a server.
 */
export function findListener(
  listeners: readonly InheritedListener[],
  target: ListenTarget,
  kind: SocketKind = 'stream',
): InheritedListener | undefined {
  const free = listeners.filter(
    ({ adopted, address }) => !adopted && address !== null && suits(address, kind),
  )
  const byName = target.name === undefined ? undefined : free.find(({ name }) => name === target.name)
  if (byName !== undefined) return byName
  if (target.path !== undefined) {
    const wanted = absolute(target.path)
    return free.find(({ address }) => address?.type === 'unix' && absolute(address.path) === wanted)
  }
  if (target.port === undefined || target.port === 0) return undefined
  const rank = ({ address }: InheritedListener): number => {
    if (address === null || address.type === 'unix' || address.port !== target.port) return 0
    if (target.host === undefined) return wildcards.includes(address.host) ? 3 : 1
    return sameHost(address.host, target.host) ? 3 : wildcards.includes(address.host) ? 2 : 1
  }
  return free.filter((listener) => rank(listener) > 0).sort((a, b) => rank(b) - rank(a))[0]
}

/** An IPv6 wildcard takes IPv4 as well, so a socket for IPv4 can use it; an IPv4 socket has no IPv6 peers. */
function suits(address: ListenAddress, kind: SocketKind): boolean {
  if (kind === 'stream') return address.type !== 'udp'
  if (address.type !== 'udp') return false
  return address.host === '::' || address.host.includes(':') === (kind === 'udp6')
}

/** For messages: `"http" (127.0.0.1:3000)`. */
export function describeListener({ name, address, fd }: InheritedListener): string {
  return `"${name}" (${address === null ? `descriptor ${fd}` : formatAddress(address)})`
}

/** Abstract sockets (unix(7)) have no folder. */
const absolute = (socketPath: string) => (socketPath.startsWith('\0') ? socketPath : path.resolve(socketPath))

const wildcards = ['0.0.0.0', '::']

function sameHost(bound: string, asked: string): boolean {
  if (bound === asked || asked === `::ffff:${bound}`) return true
  return asked === 'localhost' && (bound === '127.0.0.1' || bound === '::1')
}

function checkSocket(fd: number, count: number): void {
  if (socketInode(fd) === null) {
    throw new InheritedListenersError(
      `LISTEN_FDS is "${count}", but descriptor ${fd} is not a socket; was the program run through a launcher that does not pass descriptors on?`,
    )
  }
}
