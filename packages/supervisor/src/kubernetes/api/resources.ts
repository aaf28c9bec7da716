import type { Deployment, Kind, Kinds, Pod, PodTemplate, ReplicaSet } from '../rollout/index.js'
import { fieldManager } from '../rollout/index.js'
import type { Answer, Call, Cluster } from './ports.js'

export const namespaced = (group: '/api/v1' | '/apis/apps/v1', namespace: string, rest: string): string =>
  `${group}/namespaces/${encodeURIComponent(namespace)}/${rest}`

const collections: { [K in Kind]: { group: '/api/v1' | '/apis/apps/v1'; resource: string } } = {
  Deployment: { group: '/apis/apps/v1', resource: 'deployments' },
  ReplicaSet: { group: '/apis/apps/v1', resource: 'replicasets' },
  Pod: { group: '/api/v1', resource: 'pods' },
  Event: { group: '/api/v1', resource: 'events' },
}

/** The call that lists or watches one kind of the Deployment's objects. */
export function collection(kind: Kind, namespace: string, deployment: Deployment): Call {
  const { group, resource } = collections[kind]
  return { method: 'GET', path: namespaced(group, namespace, resource), query: selection(kind, deployment) }
}

function selection(kind: Kind, { metadata, spec }: Deployment): Record<string, string> {
  if (kind === 'Deployment') return { fieldSelector: `metadata.name=${metadata.name}` }
  // No selector matches the events of several uids, so all warnings are read and filtered later.
  if (kind === 'Event') return { fieldSelector: 'type=Warning' }
  return { labelSelector: labelSelector(spec.selector) }
}

interface Selector {
  matchLabels?: Record<string, string>
  matchExpressions?: { key: string; operator: string; values?: string[] }[]
}

/** A LabelSelector in the syntax of a query. */
export function labelSelector({ matchLabels = {}, matchExpressions = [] }: Selector): string {
  const words: Record<string, (key: string, values: string) => string> = {
    In: (key, values) => `${key} in (${values})`,
    NotIn: (key, values) => `${key} notin (${values})`,
    Exists: (key) => key,
    DoesNotExist: (key) => `!${key}`,
  }
  return [
    ...Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`),
    ...matchExpressions.map(
      ({ key, operator, values = [] }) => words[operator]?.(key, values.join(',')) ?? key,
    ),
  ].join(',')
}

const deploymentPath = (namespace: string, name: string): string =>
  namespaced('/apis/apps/v1', namespace, `deployments/${encodeURIComponent(name)}`)

export async function readDeployment(cluster: Cluster, name: string): Promise<Answer<Deployment>> {
  const answer = await cluster.call({ method: 'GET', path: deploymentPath(cluster.namespace, name) })
  if (answer.ok) return answer as Answer<Deployment>
  if (answer.failure.status !== 404) return answer
  return {
    ok: false,
    failure: { ...answer.failure, message: await missing(cluster, name, answer.failure.message) },
  }
}

/** The server's answer is the same for a missing Deployment and a missing namespace, so this looks which it is. */
async function missing(
  { call, namespace, context }: Cluster,
  name: string,
  message: string,
): Promise<string> {
  const space = await call({ method: 'GET', path: `/api/v1/namespaces/${encodeURIComponent(namespace)}` })
  if (!space.ok && space.failure.status === 404)
    return `namespace "${namespace}" does not exist in context "${context}": create it, or choose another with --namespace`
  const all = await call({ method: 'GET', path: namespaced('/apis/apps/v1', namespace, 'deployments') })
  if (!all.ok) return message
  const names = (all.value as { items: Deployment[] }).items.map((item) => `"${item.metadata.name}"`)
  return `there is no Deployment "${name}" in namespace "${namespace}" of context "${context}"; there is ${names.join(', ') || 'none'}`
}

export const listKind = async <K extends Kind>(
  cluster: Cluster,
  kind: K,
  deployment: Deployment,
): Promise<Answer<{ items: Kinds[K][]; metadata: { resourceVersion: string } }>> =>
  (await cluster.call(collection(kind, cluster.namespace, deployment))) as Answer<{
    items: Kinds[K][]
    metadata: { resourceVersion: string }
  }>

/** Strategic merge patch: finds a container by its name and leaves every field that is not named unchanged. */
export const mergeDeployment = (
  cluster: Cluster,
  name: string,
  patch: DeploymentPatch,
): Promise<Answer<Deployment>> => patched(cluster, name, 'application/strategic-merge-patch+json', patch)

export const patchDeployment = (
  cluster: Cluster,
  name: string,
  operations: unknown,
): Promise<Answer<Deployment>> => patched(cluster, name, 'application/json-patch+json', operations)

export interface DeploymentPatch {
  metadata?: { annotations: Record<string, string | null> }
  spec?: {
    paused?: boolean | null
    replicas?: number
    template?: Partial<{
      metadata: PodTemplate['metadata']
      spec: { containers: { name: string; image: string }[] }
    }>
  }
}

const patched = async (cluster: Cluster, name: string, contentType: string, body: unknown) =>
  (await cluster.call({
    method: 'PATCH',
    path: deploymentPath(cluster.namespace, name),
    query: { fieldManager },
    contentType,
    body,
  })) as Answer<Deployment>

/** The last lines of a container's log. With `restarted`, the log is that of before its last restart. */
export async function podLog(
  { text, namespace }: Cluster,
  pod: { name: string; container?: string; restarted?: boolean },
  lines: number,
): Promise<string[]> {
  const answer = await text({
    method: 'GET',
    path: namespaced('/api/v1', namespace, `pods/${encodeURIComponent(pod.name)}/log`),
    query: {
      tailLines: String(lines),
      ...(pod.container !== undefined && { container: pod.container }),
      ...(pod.restarted && { previous: 'true' }),
    },
  })
  return answer.ok ? answer.value.split('\n').filter((line) => line !== '') : []
}

export type { Deployment, Pod, ReplicaSet }
