import path from 'node:path'
import type net from 'node:net'

/**
 * The name of a listener that the application has bound, for the supervisor, which passes it to later instances:
 * `http` for the first TCP listener of the service, else `tcp-9090`, `udp-8125` or `unix-web.sock`. `taken`: the names
 * of the other listeners.
 */
export function discoveredName(
  type: 'tcp' | 'udp',
  address: net.AddressInfo | string,
  taken: { name: string; type: string | undefined }[],
): string {
  const name = nameFor(type, address, !taken.some((other) => other.type === 'tcp'))
  const names = new Set(taken.map((other) => other.name))
  for (let number = 1; ; number++) {
    const candidate = number === 1 ? name : `${name}-${number}`
    if (!names.has(candidate)) return candidate
  }
}

function nameFor(type: 'tcp' | 'udp', address: net.AddressInfo | string, isFirst: boolean): string {
  if (typeof address === 'string')
    return `unix-${path
      .basename(address)
      .toLowerCase()
      .replace(/[^-a-z0-9.]/g, '-')}`.slice(0, maxLength)
  return type === 'tcp' && isFirst ? 'http' : `${type}-${address.port}`
}

/** A number may follow; the whole name must have at most 63 characters. */
const maxLength = 59
