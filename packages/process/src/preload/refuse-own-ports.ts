import { networkInterfaces } from 'node:os'
import type { InheritedListener } from '../listeners/inherited.js'
import { refuseConnects } from '../node/refuse-connects.js'

/**
 * Some applications connect to the port that they are about to listen on, and take another one if that succeeds. In a
 * successor it would: its predecessor serves there. So until this process listens, its connections to its own inherited
 * listeners are refused, as they are where no predecessor serves. Returns a function that ends that.
 */
export function refuseOwnPorts(inherited: readonly InheritedListener[]): () => void {
  const ports = new Set(inherited.flatMap(({ address }) => (address?.type === 'tcp' ? [address.port] : [])))
  return ports.size === 0 ? () => {} : refuseConnects(ports, isOfThisMachine)
}

function isOfThisMachine(address: string): boolean {
  const ip = address.replace(/^::ffff:(?=\d)/, '').replace(/%.*$/, '')
  if (ip.startsWith('127.') || ['::1', '0.0.0.0', '::'].includes(ip)) return true
  return Object.values(networkInterfaces()).some((all) => all?.some((one) => one.address === ip))
}
