import type { JsonObject } from '../../model/index.js'
import { compact } from './json.js'
import type { KubernetesObject, KubernetesOrder, Rendered } from './order.js'

const resources: Record<string, [group: string, resource: string]> = {
  ConfigMap: ['', 'configmaps'],
  Service: ['', 'services'],
  PodDisruptionBudget: ['policy', 'poddisruptionbudgets'],
  HorizontalPodAutoscaler: ['autoscaling', 'horizontalpodautoscalers'],
  Ingress: ['networking.k8s.io', 'ingresses'],
}

/**
 * A ServiceAccount with a Role in each namespace that may apply, upgrade, watch and undo these objects, and nothing
 * else. Server-side apply needs the verb patch, and create for a new object.
 */
export function rolesOf(
  order: KubernetesOrder,
  objects: KubernetesObject[],
): Pick<Rendered, 'objects' | 'comments'> {
  const namespaces = [...new Set(objects.map(({ metadata }) => metadata['namespace']))]
  const roles = namespaces.flatMap((namespace): KubernetesObject[] => {
    const metadata = {
      ...compact({ name: `${order.name}-handover`, namespace }),
      name: `${order.name}-handover`,
    }
    const own = objects.filter((object) => object.metadata['namespace'] === namespace)
    const account = { kind: 'ServiceAccount', ...compact({ name: metadata.name, namespace }) }
    return [
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
      { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata, rules: rulesFor(own) },
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'RoleBinding',
        metadata,
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: metadata.name },
        subjects: [account],
      },
    ]
  })
  return { objects: roles, comments: [] }
}

function rulesFor(objects: KubernetesObject[]): JsonObject[] {
  const others = Object.entries(resources)
    .filter(([kind]) => objects.some((object) => object.kind === kind))
    .map(([, [group, resource]]) => rule([group], [resource], ['get', 'create', 'patch']))
  return [
    rule(['apps'], ['deployments'], ['get', 'list', 'watch', 'create', 'patch']),
    ...others,
    // To follow a rollout and to explain why it is stuck.
    rule(['apps'], ['replicasets'], ['get', 'list', 'watch']),
    rule([''], ['pods'], ['get', 'list', 'watch']),
    rule([''], ['pods/log'], ['get']),
    rule(['', 'events.k8s.io'], ['events'], ['get', 'list', 'watch']),
  ]
}

const rule = (apiGroups: string[], names: string[], verbs: string[]): JsonObject => ({
  apiGroups,
  resources: names,
  verbs,
})
