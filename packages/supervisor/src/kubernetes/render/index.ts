import type { Result } from '../../model/index.js'
import { failed, ok } from '../../model/index.js'
import { problemsOf } from './check.js'
import { commentsOf } from './comments.js'
import { configMaps } from './config-map.js'
import { deployment } from './deployment.js'
import { ingresses, services } from './network.js'
import { notesOf } from './notes.js'
import type { KubernetesObject, KubernetesOrder, KubernetesService, Rendered } from './order.js'
import { autoscalers, podDisruptionBudgets } from './scaling.js'

export type {
  Comment,
  KubernetesObject,
  KubernetesOrder,
  KubernetesService,
  Metadata,
  Rendered,
} from './order.js'
export type { Grace } from './grace.js'
export { graceOf } from './grace.js'
export { rolesOf } from './roles.js'
export type { KubernetesVersion } from './version.js'
export { defaultVersion, newestVersion, oldestVersion, parseVersion, showVersion } from './version.js'

/**
 * Renders the services as Kubernetes objects. Fails with `Usage` and a sentence on each line. Objects that a
 * Deployment needs come before it, those that depend on its pods after it.
 */
export function kubernetesObjects(order: KubernetesOrder): Result<Rendered> {
  const problems = problemsOf(order)
  if (problems.length > 0) return failed('Usage', problems.join('\n'))
  const objects = order.services.flatMap((service) => objectsOf(service, order))
  return ok({ objects, notes: notesOf(order), comments: commentsOf(order, objects) })
}

const objectsOf = (service: KubernetesService, order: KubernetesOrder): KubernetesObject[] => [
  ...configMaps(service, order),
  ...services(service, order),
  deployment(service, order),
  ...podDisruptionBudgets(service, order),
  ...autoscalers(service, order),
  ...ingresses(service, order),
]
