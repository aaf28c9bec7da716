import type { ListenerSpec } from '../model/index.js'
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
      ...checkPort(probe, path, fields.listen),
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

function checkPort(probe: ProbeFields, path: Path, listen: Record<string, ListenerSpec>): Problem[] {
  const handler = probe.httpGet ? 'httpGet' : 'tcpSocket'
  const port = probe[handler]?.port
  if (typeof port !== 'string') return []
  const at = [...path, handler, 'port']
  const type = listen[port]?.type
  if (type === 'udp') return [{ path: at, text: `is "${port}", a UDP listener, wanted a TCP or unix one` }]
  if (type !== undefined) return []
  const names = Object.keys(listen).filter((name) => listen[name]?.type !== 'udp')
  const known = names.length === 0 ? 'there is none' : `there is ${names.join(', ')}`
  const wanted = `wanted the name of a listener (${known}) or a port number${didYouMean(port, names)}`
  return [{ path: at, text: `is ${show(port)}, ${wanted}` }]
}

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
