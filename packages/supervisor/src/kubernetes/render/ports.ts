import type { JsonObject, ListenerSpec, ServiceSpec } from '../../model/index.js'
import { fieldOf, listOf, textOf, without } from './json.js'
import type { KubernetesService } from './order.js'

type Inet = Exclude<ListenerSpec, { type: 'unix' }>

export interface Port {
  name: string
  port: number
  protocol: 'TCP' | 'UDP'
  /** It cannot be reached from outside the pod. */
  loopback: boolean
}

export const probesPortName = 'probes'

/** The listeners that have a port, in the order of the configuration. */
export const portsOf = ({ listen }: ServiceSpec): Port[] =>
  Object.entries(listen)
    .filter((entry): entry is [string, Inet] => entry[1].type !== 'unix')
    .map(([name, { type, host, port }]) => ({
      name,
      port,
      protocol: type === 'udp' ? 'UDP' : 'TCP',
      loopback: /^127\./.test(host) || host === '::1',
    }))

export const firstTcpPort = (spec: ServiceSpec): Port | undefined =>
  portsOf(spec).find(({ protocol }) => protocol === 'TCP')

export function containerPorts({ spec, kubernetes: { probesPort } }: KubernetesService): JsonObject[] {
  const ports: JsonObject[] = portsOf(spec).map(({ name, port, protocol }) => ({
    name,
    containerPort: port,
    protocol,
  }))
  if (probesPort === undefined) return ports
  return [...ports, { name: probesPortName, containerPort: probesPort, protocol: 'TCP' }]
}

/**
 * The configured ports, where `targetPort` defaults to the listener of the same name; otherwise a port for each
 * listener that can be reached from outside the pod.
 */
export function servicePorts({ spec, kubernetes: { service } }: KubernetesService): JsonObject[] {
  if (service === false) return []
  const own = service['ports']
  if (own !== undefined) return listOf(own).map((port) => withTarget(port, portsOf(spec)))
  return portsOf(spec)
    .filter(({ loopback }) => !loopback)
    .map(({ name, port, protocol }) => ({ name, port, targetPort: name, protocol }))
}

function withTarget(port: JsonObject, listeners: Port[]): JsonObject {
  const listener = listeners.find(({ name }) => name === port['name'])
  if (port['targetPort'] !== undefined || listener === undefined) return port
  const { name, port: number } = port
  const order = { ...(name !== undefined && { name }), ...(number !== undefined && { port: number }) }
  return {
    ...order,
    targetPort: listener.name,
    protocol: listener.protocol,
    ...without(port, 'name', 'port'),
  }
}

/** A Service's port in an Ingress. */
export function backendPort(port: JsonObject): JsonObject {
  const name = textOf(fieldOf(port, 'name'))
  return name === undefined ? { number: port['port'] ?? null } : { name }
}
