import type { Json } from '../../model/index.js'
import type { KubernetesService } from './order.js'
import { leastReplicas } from './scaling.js'

/** A budget that allows no eviction blocks every drain of a node, and so the upgrade of the cluster. */
export function budgetProblems(service: KubernetesService): string[] {
  const { podDisruptionBudget: budget } = service.kubernetes
  if (budget === false) return []
  const { minAvailable, maxUnavailable } = budget
  const at = `services.${service.spec.name}.kubernetes.podDisruptionBudget`
  if (minAvailable !== undefined && maxUnavailable !== undefined)
    return [`${at} has both minAvailable and maxUnavailable, wanted one of them`]
  const replicas = leastReplicas(service)
  const field = minAvailable === undefined ? 'maxUnavailable' : 'minAvailable'
  const value = minAvailable ?? maxUnavailable ?? 1
  const count = scaledUp(value, replicas)
  if (count === null) return [`${at}.${field} is ${JSON.stringify(value)}, wanted a number or a percentage`]
  if (field === 'maxUnavailable' && count === 0)
    return [
      `${at}.maxUnavailable is ${JSON.stringify(value)}, wanted more than 0: otherwise no node can be drained`,
    ]
  if (field === 'minAvailable' && count > 0 && count >= replicas)
    return [
      `${at}.minAvailable is ${JSON.stringify(value)} of ${replicas}, wanted less, or maxUnavailable: otherwise no node can be drained`,
    ]
  return []
}

/** The disruption controller rounds both limits up: 50 % of 3 is 2. */
function scaledUp(value: Json, replicas: number): number | null {
  if (typeof value === 'number') return value
  const percent = typeof value === 'string' ? /^(\d+)%$/.exec(value)?.[1] : undefined
  return percent === undefined ? null : Math.ceil((Number(percent) * replicas) / 100)
}
