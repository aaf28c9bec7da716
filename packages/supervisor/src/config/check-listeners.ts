import { isIPv4 } from 'node:net'
import type { ListenerSpec, ServiceSpec } from '../model/index.js'
import { describeListener } from './describe.js'
import { maxUnixPathBytes } from '#shared/socket-address.js'
import type { Problem } from './problems.js'

interface Place {
  service: string
  name: string
  spec: ListenerSpec
}

/** Two listeners, of the same or of two services, cannot share an address, and a unix path must fit into `sockaddr_un`. */
export function checkListeners(specs: ServiceSpec[]): Problem[] {
  const places = specs.flatMap(({ name: service, listen }) =>
    Object.entries(listen).map(([name, spec]): Place => ({ service, name, spec })),
  )
  return places.flatMap((place, index) => [...tooLong(place), ...taken(place, places.slice(0, index))])
}

function tooLong({ service, name, spec }: Place): Problem[] {
  if (spec.type !== 'unix') return []
  const bytes = Buffer.byteLength(spec.path)
  if (bytes <= maxUnixPathBytes) return []
  const text = `is "unix:${spec.path}", a path of ${bytes} bytes, wanted at most ${maxUnixPathBytes}`
  return [{ path: ['services', service, 'listen', name], text }]
}

function taken({ service, name, spec }: Place, before: Place[]): Problem[] {
  const rival = before.find((other) => collide(spec, other.spec))
  if (!rival) return []
  const whose =
    rival.service === service
      ? `listener "${rival.name}"`
      : `service "${rival.service}", listener "${rival.name}"`
  const text = `is "${describeListener(spec)}", which ${whose} already uses ("${describeListener(rival.spec)}")`
  return [{ path: ['services', service, 'listen', name], text }]
}

function collide(a: ListenerSpec, b: ListenerSpec): boolean {
  if (a.type === 'unix' || b.type === 'unix')
    return a.type === b.type && 'path' in a && 'path' in b && a.path === b.path
  // Port 0: the kernel picks a free port each time.
  return (
    a.type === b.type &&
    a.port !== 0 &&
    a.port === b.port &&
    (covers(a.host, b.host) || covers(b.host, a.host))
  )
}

/** A wildcard takes the port on every address; `::` takes IPv4 too, since IPV6_V6ONLY is off. */
const covers = (host: string, other: string): boolean =>
  host === other || host === '::' || (host === '0.0.0.0' && isIPv4(other))
