import type { JsonObject, PodStrategy } from '../../model/index.js'
import { configHash, hashAnnotation } from './config-map.js'
import { compact } from './json.js'
import { labelsOf, objectOf, selectorOf } from './metadata.js'
import type { KubernetesObject, KubernetesOrder, KubernetesService } from './order.js'
import { podSpec } from './pod.js'

export function deployment(service: KubernetesService, order: KubernetesOrder): KubernetesObject {
  const { kubernetes } = service
  const { configMap, annotations } = kubernetes
  // A HorizontalPodAutoscaler owns the replicas: a number here would override it at each apply.
  const replicas = kubernetes.autoscaling === undefined ? (kubernetes.replicas ?? undefined) : undefined
  const hash: JsonObject = configMap === undefined ? {} : { [hashAnnotation]: configHash(configMap) }
  const spec = compact({
    replicas,
    strategy: toStrategy(kubernetes.strategy),
    minReadySeconds: Math.ceil(kubernetes.minReadySeconds),
    progressDeadlineSeconds: Math.ceil(kubernetes.progressDeadlineSeconds),
    revisionHistoryLimit: kubernetes.revisionHistoryLimit,
    selector: { matchLabels: selectorOf(service) },
    template: {
      metadata: compact({ labels: labelsOf(service, order), annotations: { ...annotations, ...hash } }),
      spec: podSpec(service, order.version),
    },
  })
  return objectOf(['apps/v1', 'Deployment'], service, order, { spec }, { annotations })
}

function toStrategy(strategy: PodStrategy): JsonObject {
  if (strategy.type === 'Recreate') return { type: 'Recreate' }
  const { maxSurge, maxUnavailable } = strategy.rollingUpdate
  return { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } }
}
