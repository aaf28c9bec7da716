import type { Problem } from './problems.js'
import type { Path } from './show.js'
import { show } from './show.js'
import { handlerNames, type ProbeFields } from './schema/probe.js'
import type { ServiceFields } from './schema/service.js'
import { didYouMean } from './suggest.js'

const probeNames = ['startupProbe', 'readinessProbe', 'livenessProbe'] as const

/** Each probe has exactly one handler, and names only listeners that exist. */
export function checkProbes(name: string, fields: ServiceFields): Problem[] {
  return probeNames.flatMap((probeName) => {
    const probe = fields[probeName]
    if (!probe) return []
    const path = ['services', name, probeName]
    return [
      ...checkHandler(probe, path),
      ...checkPort(probe, path, fields),
      ...(probeName === 'readinessProbe' ? [] : checkHealthOnly(probe, path, probeName)),
    ]
  })
}

function checkHandler(probe: ProbeFields, path: Path): Problem[] {
  const given = handlerNames.filter((handler) => probe[handler] !== undefined)
  if (given.length === 1) return []
  const has = given.length === 0 ? 'has no handler' : `has ${given.join(' and ')}`
  return [{ path, text: `${has}, wanted exactly one of ${handlerNames.join(', ')}` }]
}

function checkPort(probe: ProbeFields, path: Path, { listen, discover }: ServiceFields): Problem[] {
  const handler = probe.httpGet ? 'httpGet' : 'tcpSocket'
  const settings = probe[handler]
  if (settings === undefined) return []
  const { port } = settings
  const at = [...path, handler, 'port']
  const names = Object.keys(listen).filter((name) => listen[name]?.type !== 'udp')
  const known = names.length === 0 ? 'there is none' : `there is ${names.join(', ')}`
  const wanted = `wanted the name of a listener (${known}) or a port number`
  if (port === undefined) {
    if (settings.host !== undefined)
      return [{ path: at, text: 'is missing though host is set, wanted a port number' }]
    return names.length > 0 || discover ? [] : [{ path: at, text: `is missing, ${wanted}` }]
  }
  if (typeof port !== 'string') return []
  const type = listen[port]?.type
  if (type === 'udp') return [{ path: at, text: `is "${port}", a UDP listener, wanted a TCP or unix one` }]
  if (type !== undefined || (discover && isDiscoveredName(port, names))) return []
  return [{ path: at, text: `is ${show(port)}, ${wanted}${didYouMean(port, names)}` }]
}

/** Whether it can be the name of a listener that an instance binds itself: `http` is that of the first TCP listener. */
const isDiscoveredName = (port: string, configured: string[]): boolean =>
  /^(tcp-\d+|unix-.+)$/.test(port) || (port === 'http' && configured.length === 0)

/** Kubernetes' validation of startup and liveness probes: their successThreshold must be 1. */
function checkHealthOnly(probe: ProbeFields, path: Path, name: string): Problem[] {
  const problems: Problem[] = []
  if (probe.successThreshold !== 1) {
    problems.push({
      path: [...path, 'successThreshold'],
      text: `is ${probe.successThreshold}, wanted 1: only a readinessProbe counts successes`,
    })
  }
  if (name === 'livenessProbe' && probe.notify !== undefined) {
    problems.push({
      path: [...path, 'notify'],
      text: 'is set, wanted httpGet, tcpSocket or exec: READY=1 is sent once and does not show that the instance is still alive',
    })
  }
  return problems
}
