import type { JsonObject } from '../../model/index.js'
import { compact } from './json.js'
import type { KubernetesObject, KubernetesOrder, KubernetesService, Metadata } from './order.js'

/** Selector of the Deployment and the Service. It must never change: a Deployment's selector is immutable. */
export const selectorOf = ({ spec }: KubernetesService): Record<string, string> => ({
  'app.kubernetes.io/name': spec.name,
})

export const ownLabels = [
  'app.kubernetes.io/name',
  'app.kubernetes.io/part-of',
  'app.kubernetes.io/managed-by',
]

export const labelsOf = (service: KubernetesService, order: KubernetesOrder): Record<string, string> => ({
  ...selectorOf(service),
  'app.kubernetes.io/part-of': order.name,
  'app.kubernetes.io/managed-by': 'handover',
  ...service.kubernetes.labels,
})

export const namespaceOf = ({ kubernetes }: KubernetesService, order: KubernetesOrder): string | undefined =>
  order.namespace ?? kubernetes.namespace

/** An object of the service; `name` defaults to the service's. */
export function objectOf(
  [apiVersion, kind]: [string, string],
  service: KubernetesService,
  order: KubernetesOrder,
  rest: JsonObject,
  { name = service.spec.name, annotations = {} }: { name?: string; annotations?: JsonObject } = {},
): KubernetesObject {
  const namespace = namespaceOf(service, order)
  const labels = labelsOf(service, order)
  const metadata = { ...compact({ name, namespace, labels, annotations }), name } satisfies Metadata
  return { apiVersion, kind, metadata, ...rest }
}
