import type { ConfigMapSpec } from '../../model/index.js'
import { objectOf } from './metadata.js'
import type { KubernetesObject, KubernetesOrder, KubernetesService } from './order.js'

export const configMapName = ({ spec }: KubernetesService): string => `${spec.name}-config`

/** Annotation of the pods: other content changes the pod template, and so starts a rollout. */
export const hashAnnotation = 'handover/config-hash'

export const configMaps = (service: KubernetesService, order: KubernetesOrder): KubernetesObject[] => {
  const { configMap } = service.kubernetes
  if (configMap === undefined) return []
  const name = configMapName(service)
  return [objectOf(['v1', 'ConfigMap'], service, order, { data: sorted(configMap.data) }, { name })]
}

export const configHash = ({ data, mountPath }: ConfigMapSpec): string =>
  fnv1a64(JSON.stringify([sorted(data), mountPath ?? null]))

const sorted = (data: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(data).sort(([a], [b]) => (a < b ? -1 : 1)))

/** FNV-1a over UTF-16 code units, like Kubernetes' pod-template-hash. It detects changes and protects no secret. */
function fnv1a64(text: string): string {
  let hash = 0xcbf29ce484222325n
  for (let at = 0; at < text.length; at += 1)
    hash = BigInt.asUintN(64, (hash ^ BigInt(text.charCodeAt(at))) * 0x100000001b3n)
  return hash.toString(16).padStart(16, '0')
}
