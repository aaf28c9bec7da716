import type { Json, JsonObject } from '../../model/index.js'
import { compact, without } from './json.js'
import { objectOf, selectorOf } from './metadata.js'
import type { KubernetesObject, KubernetesOrder, KubernetesService } from './order.js'
import { has } from './version.js'

/**
 * Allows the eviction of one pod at a time. That never blocks a drain of a node: not with a single pod (minAvailable 1
 * would), nor with unhealthy pods, since AlwaysAllow lets them go.
 */
export function podDisruptionBudgets(service: KubernetesService, order: KubernetesOrder): KubernetesObject[] {
  const own = service.kubernetes.podDisruptionBudget
  if (own === false) return []
  const limit = own['minAvailable'] === undefined ? { maxUnavailable: own['maxUnavailable'] ?? 1 } : {}
  const apiVersion = has(order.version, 'policy/v1') ? 'policy/v1' : 'policy/v1beta1'
  const spec = compact({
    ...limit,
    ...without(own, 'maxUnavailable'),
    selector: { matchLabels: selectorOf(service) },
    unhealthyPodEvictionPolicy: has(order.version, 'unhealthyPodEvictionPolicy')
      ? (own['unhealthyPodEvictionPolicy'] ?? 'AlwaysAllow')
      : undefined,
  })
  return [objectOf([apiVersion, 'PodDisruptionBudget'], service, order, { spec })]
}

export function autoscalers(service: KubernetesService, order: KubernetesOrder): KubernetesObject[] {
  const own = service.kubernetes.autoscaling
  if (own === undefined) return []
  const apiVersion = has(order.version, 'autoscaling/v2') ? 'autoscaling/v2' : 'autoscaling/v2beta2'
  const { minReplicas, maxReplicas, metrics, targetCPUUtilizationPercentage: target = 80, ...rest } = own
  const spec = compact({
    scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: service.spec.name },
    minReplicas: minReplicas ?? Math.max(1, service.kubernetes.replicas ?? 1),
    maxReplicas,
    metrics: metrics ?? [cpuUtilization(target)],
    ...rest,
  })
  return [objectOf([apiVersion, 'HorizontalPodAutoscaler'], service, order, { spec })]
}

/** A target for the CPU utilization, in percent of the requests; Kubernetes' own default is 80. */
const cpuUtilization = (averageUtilization: Json): JsonObject => ({
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } },
})

/** The smallest number of pods. */
export const leastReplicas = ({ kubernetes: { autoscaling, replicas } }: KubernetesService): number => {
  const least = autoscaling?.['minReplicas']
  return typeof least === 'number' ? least : (replicas ?? 1)
}
