import { isIPv6 } from 'node:net'
import type { ListenerSpec } from '../model/index.js'

/** A listener in the notation of a configuration: `[::]:3000`, `unix:/run/web.sock`, `udp:127.0.0.1:8125`. */
export function describeListener(spec: ListenerSpec): string {
  if (spec.type === 'unix') return `unix:${spec.path}`
  const host = isIPv6(spec.host) ? `[${spec.host}]` : spec.host
  return `${spec.type === 'udp' ? 'udp:' : ''}${host}:${spec.port}`
}
