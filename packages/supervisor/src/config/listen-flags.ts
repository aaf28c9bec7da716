import { basename, extname } from 'node:path'
import type { Result } from '../model/index.js'
import { failed, ok } from '../model/index.js'
import { sanitiseName } from './paths.js'
import { parseAddress } from './schema/listen.js'

/**
 * Names the listeners of `-p`. `admin=3001` is called admin. The first flag, if it has no name, is called http;
 * others are named after their port (port-4000) or their socket (unix:/run/admin.sock is admin).
 */
export function namedListeners(flags: string[]): Result<Record<string, string>> {
  const listeners: Record<string, string> = {}
  for (const flag of flags) {
    const { name, address } = nameListener(flag, Object.keys(listeners).length === 0)
    if (Object.hasOwn(listeners, name)) {
      return failed(
        'Usage',
        `-p is "${flag}", a second listener called "${name}": name it, as in -p other=${address}`,
      )
    }
    listeners[name] = address
  }
  return ok(listeners)
}

function nameListener(flag: string, first: boolean): { name: string; address: string } {
  // A path may contain "="; a name cannot contain ":" or "/".
  const named = /^(?<name>[^=:/]*)=(?<address>.*)$/.exec(flag)?.groups
  if (named?.['name'] !== undefined) return { name: named['name'], address: named['address'] ?? '' }
  const spec = parseAddress(flag)
  if (spec === null || (first && spec.type !== 'udp'))
    return { name: first ? 'http' : `listener-${sanitiseName(flag)}`, address: flag }
  if (spec.type === 'unix')
    return { name: sanitiseName(basename(spec.path, extname(spec.path))), address: flag }
  return { name: `${spec.type === 'udp' ? 'udp' : 'port'}-${spec.port}`, address: flag }
}
