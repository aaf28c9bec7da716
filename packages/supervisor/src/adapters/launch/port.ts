import type { Listener } from '../../ports.js'

/** The port of the service's first TCP listener, as it was really bound (port 0 is any free one); for PORT. */
export function firstTcpPort(listeners: Pick<Listener, 'spec' | 'address'>[]): number | undefined {
  const listener = listeners.find(({ spec }) => spec.type === 'tcp')
  return listener && portOf(listener.address)
}

const portOf = (address: string): number => Number(address.slice(address.lastIndexOf(':') + 1))
