import type net from 'node:net'

/** Tells what we bound from what a socket unit passes, whose name is the administrator's choice. */
const prefix = 'bound-'

/** FDNAME= and LISTEN_FDNAMES take no colon. The listener is found by its address, not by this. */
export function boundName(address: net.AddressInfo | string): string {
  const text = typeof address === 'string' ? address : `${address.address}-${address.port}`
  return `${prefix}${text.replaceAll(':', '_')}`
}

/** Of a listener that a process of this library has bound itself. */
export const isBoundName = (name: string): boolean => name.startsWith(prefix)
