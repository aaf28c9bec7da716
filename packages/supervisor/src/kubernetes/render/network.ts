import type { Json, JsonObject } from '../../model/index.js'
import { compact, fieldOf, isObject, listOf, without } from './json.js'
import { objectOf, selectorOf } from './metadata.js'
import type { KubernetesObject, KubernetesOrder, KubernetesService } from './order.js'
import { backendPort, servicePorts } from './ports.js'

/** The Service, unless it would have no port. */
export function services(service: KubernetesService, order: KubernetesOrder): KubernetesObject[] {
  const own = service.kubernetes.service
  const ports = servicePorts(service)
  if (own === false || ports.length === 0) return []
  const { type = 'ClusterIP', annotations, ...rest } = own
  const spec = compact({ type, selector: selectorOf(service), ports, ...without(rest, 'ports') })
  return [objectOf(['v1', 'Service'], service, order, { spec }, annotated(annotations))]
}

/** The Ingress; a rule without paths leads to the Service's first port. */
export function ingresses(service: KubernetesService, order: KubernetesOrder): KubernetesObject[] {
  const own = service.kubernetes.ingress
  if (own === undefined) return []
  const { annotations, ingressClassName, defaultBackend, rules, tls, ...rest } = own
  const spec = compact({
    ingressClassName,
    defaultBackend: defaultBackend ?? (rules === undefined ? backend(service) : undefined),
    rules: listOf(rules).map((rule) => withPaths(rule, service)),
    tls,
    ...rest,
  })
  return [objectOf(['networking.k8s.io/v1', 'Ingress'], service, order, { spec }, annotated(annotations))]
}

function withPaths(rule: JsonObject, service: KubernetesService): JsonObject {
  const http = fieldOf(rule, 'http')
  if (http !== undefined) return rule
  return { ...rule, http: { paths: [{ path: '/', pathType: 'Prefix', backend: backend(service) }] } }
}

function backend(service: KubernetesService): JsonObject {
  const [port] = servicePorts(service)
  return { service: { name: service.spec.name, port: port === undefined ? {} : backendPort(port) } }
}

const annotated = (annotations: Json | undefined) => (isObject(annotations) ? { annotations } : {})
