import type { Cluster, KubernetesObject } from '@handover/testkit/kubernetes'

/** The API path of a collection or an object in a namespace. */
export function pathOf(kind: string, name?: string, namespace = 'default'): string {
  const group = ['deployments', 'replicasets'].includes(kind) ? '/apis/apps/v1' : '/api/v1'
  return `${group}/namespaces/${namespace}/${kind}${name === undefined ? '' : `/${name}`}`
}

export interface DeploymentOptions {
  image: string
  replicas?: number
  env?: object[]
  /** Fields of the container. */
  container?: object
  /** Fields of the pod's spec. */
  pod?: object
}

/** A Deployment `web` that answers on port 8080. A new pod is started before an old one is stopped. */
export const deployment = ({
  image,
  replicas = 2,
  env = [],
  container = {},
  pod = {},
}: DeploymentOptions) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web' },
  spec: {
    replicas,
    selector: { matchLabels: { app: 'web' } },
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: {
        ...pod,
        containers: [
          {
            name: 'web',
            image,
            env,
            ports: [{ name: 'http', containerPort: 8080 }],
            readinessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 1 },
            ...container,
          },
        ],
      },
    },
  },
})

export const service = () => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web' },
  spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http' }] },
})

/** The body of one GET. */
export async function reachedBy(to: { host: string; port: number } | null): Promise<string> {
  if (to === null) throw new Error('the Service has no address')
  const response = await fetch(`http://${to.host}:${to.port}/`, { headers: { connection: 'close' } })
  return response.text()
}

/** Every state in which the first container of the pod was seen: `waiting Reason`, `running`, `terminated Error 1`. */
export function states(cluster: Cluster, name: string): { close(): Promise<string[]> } {
  const seen: string[] = []
  const look = (_: unknown, pod: KubernetesObject) => {
    const { waiting, running, terminated } = pod.status?.containerStatuses?.[0]?.state ?? {}
    let text = running ? 'running' : 'unknown'
    if (waiting) text = `waiting ${waiting.reason}`
    if (terminated) text = `terminated ${terminated.reason} ${terminated.exitCode}`
    if (seen.at(-1) !== text) seen.push(text)
  }
  const query = `fieldSelector=metadata.name=${name}`
  const follower = cluster.follow(pathOf('pods'), look, query)
  return {
    async close() {
      await follower.close()
      return seen
    },
  }
}

/** Resolves when `kubectl rollout status` would call the Deployment rolled out. Old pods may still be terminating. */
export async function rolledOut(cluster: Cluster, path: string): Promise<void> {
  await cluster.until(path, (object) => {
    const { observedGeneration = 0, replicas, updatedReplicas, availableReplicas } = object?.status ?? {}
    const wanted = (object?.['spec'] as { replicas: number } | undefined)?.replicas
    return (
      observedGeneration >= (object?.metadata.generation ?? 1) &&
      [replicas, updatedReplicas, availableReplicas].every((count) => count === wanted)
    )
  })
}
