import { basename } from 'node:path'

/** A listener of a service, as far as its name depends on it. */
export interface NamedListener {
  name: string
  /** Undefined if it is not known. */
  type: 'tcp' | 'udp' | 'unix' | undefined
}

/**
 * The name of a listener that an application has bound itself: `http` for the first TCP listener of the service, else
 * by its port or file, `tcp-9090`, `udp-8125` or `unix-web.sock`. A number follows where that name is taken. `address`
 * is a port or the path of a unix socket, `others` are the other listeners of the service.
 */
export function discoveredName(
  type: 'tcp' | 'udp' | 'unix',
  address: number | string,
  others: readonly NamedListener[],
): string {
  const isFirst = type === 'tcp' && !others.some((other) => other.type === 'tcp')
  const name = isFirst ? 'http' : `${type}-${type === 'unix' ? fileName(String(address)) : address}`
  const names = new Set(others.map((other) => other.name))
  for (let number = 1; ; number++) {
    const candidate = number === 1 ? name : `${name}-${number}`
    if (!names.has(candidate)) return candidate
  }
}

/** Only characters that LISTEN_FDNAMES and the supervisor permit. */
const fileName = (path: string): string =>
  basename(path)
    .toLowerCase()
    .replace(/[^-a-z0-9.]/g, '-')
    .slice(0, maxLength)

/** A name has at most 63 characters, of which `unix-` and a number take some. */
const maxLength = 54
