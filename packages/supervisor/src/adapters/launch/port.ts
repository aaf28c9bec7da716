import type { Listener } from '../../ports.js'

/** The bound port of the service's first TCP listener, for PORT. If the spec says 0, it is the one that the kernel chose. */
export function firstTcpPort(listeners: Pick<Listener, 'spec' | 'address'>[]): number | undefined {
  const listener = listeners.find(({ spec }) => spec.type === 'tcp')
  return listener && portOf(listener.address)
}

const portOf = (address: string): number => Number(address.slice(address.lastIndexOf(':') + 1))
