import type { Instance } from '../model/index.js'
import { listed } from '../model/text.js'
import type { Address, World } from '../ports.js'
import { addressInUse } from './address-in-use.js'
import type { ServiceRuntime } from './runtime.js'

/**
 * Why an instance exited, if it could not bind an address: which one, who has it, and which listeners the instance has.
 * Null if its output shows no such error.
 */
export function addressCause(
  world: World,
  runtime: ServiceRuntime,
  instance: Instance,
  output: string[],
): string | null {
  const address = addressInUse(output)
  if (address === null) return null
  const { spec } = runtime.state.revisions.find(({ number }) => number === instance.revision) ?? {}
  const given = spec
    ? runtime.listeners.of(spec).map((listener) => `${listener.name} ${listener.address}`)
    : []
  const has = given.length === 0 ? 'it has no listener' : `its listeners are ${listed(given)}`
  const off = spec?.discover === false ? ' (discover is false)' : ''
  return `it asked for ${shown(address)}, which ${holderOf(world, runtime, address)}; ${has}${off}`
}

/** `127.0.0.1:9090, which is in use by nginx (pid 812)` */
export const describeHolder = (world: World, runtime: ServiceRuntime, address: Address): string =>
  `${shown(address)}, which ${holderOf(world, runtime, address)}`

function holderOf(world: World, { listeners, state }: ServiceRuntime, address: Address): string {
  const holder = world.sockets.holder(address)
  if (holder === null) return 'is in use'
  const own = listeners.open().find(({ inode }) => inode === holder.inode)
  if (own) return `the supervisor keeps as listener "${own.name}"`
  const instance = state.instances.find(({ pid }) => pid !== null && pid === holder.group)
  if (instance) return `${instance.id} listens on`
  return `is in use by ${holder.name} (pid ${holder.pid})`
}

function shown(address: Address): string {
  if (address.type === 'unix') return `unix:${address.path}`
  const { type, host, port } = address
  const place = host === '' ? `port ${port}` : `${host.includes(':') ? `[${host}]` : host}:${port}`
  return type === 'udp' ? `UDP ${place}` : place
}
