import { fieldOf } from './json.js'
import { isPortName, wantedPortName } from './names.js'
import type { KubernetesService } from './order.js'
import type { Port } from './ports.js'
import { portsOf, probesPortName, servicePorts } from './ports.js'

/** Ports that a pod or a Service cannot have. */
export function portProblems(service: KubernetesService): string[] {
  const { spec, kubernetes } = service
  const at = `services.${spec.name}.listen`
  const listeners = portsOf(spec)
  const probes: Port[] =
    kubernetes.probesPort === undefined
      ? []
      : [{ name: probesPortName, port: kubernetes.probesPort, protocol: 'TCP', loopback: false }]
  return [
    ...listeners
      .filter(({ name }) => !isPortName(name))
      .map(({ name }) => `${at} has "${name}", wanted ${wantedPortName}`),
    ...listeners
      .filter(({ port }) => port === 0)
      .map(({ name }) => `${at}.${name} is on port 0, any free port, wanted a fixed port for the Service`),
    ...clashes([...listeners, ...probes], spec.name),
    ...targetProblems(service),
  ]
}

/** Listeners of a pod share one address, so each port can be used once for each protocol. */
const clashes = (ports: Port[], service: string): string[] =>
  ports.flatMap((port, index) => {
    const before = ports.slice(0, index)
    const place =
      port.name === probesPortName && index === ports.length - 1
        ? `services.${service}.kubernetes.probesPort`
        : `services.${service}.listen.${port.name}`
    const rival = before.find((other) => other.port === port.port && other.protocol === port.protocol)
    if (rival !== undefined && port.port !== 0)
      return [`${place} is ${port.port}/${port.protocol}, which listener "${rival.name}" already uses`]
    if (before.some(({ name }) => name === port.name))
      return [`services.${service}.listen has "${port.name}", which is the name of kubernetes.probesPort`]
    return []
  })

/** A Service refuses every connection if its target port exists in no container. */
function targetProblems(service: KubernetesService): string[] {
  const { spec, kubernetes } = service
  const names = portsOf(spec).map(({ name }) => name)
  if (kubernetes.probesPort !== undefined) names.push(probesPortName)
  return servicePorts(service).flatMap((port, index) => {
    const target = fieldOf(port, 'targetPort')
    if (typeof target !== 'string' || names.includes(target)) return []
    return [
      `services.${spec.name}.kubernetes.service.ports[${index}].targetPort is "${target}", wanted a number or a listener (there is ${names.join(', ') || 'none'})`,
    ]
  })
}
