import type net from 'node:net'

/** Distinguishes these names from those of a socket unit, which an administrator chooses. */
const prefix = 'bound-'

/** The name for a listener that this process has bound. FDNAME= and LISTEN_FDNAMES take no colon (sd_notify(3)). */
export function boundName(address: net.AddressInfo | string): string {
  const text = typeof address === 'string' ? address : `${address.address}-${address.port}`
  return `${prefix}${text.replaceAll(':', '_')}`
}

/** Whether a process with this library has bound the listener, this one or an earlier one. */
export const isBoundName = (name: string): boolean => name.startsWith(prefix)
