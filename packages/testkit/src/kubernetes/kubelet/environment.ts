import type { Client, KubernetesObject } from '../client.js'
import { addresses } from '../network.js'
import type { ContainerSpec, EnvironmentVariable, Image, PodObject } from './types.js'

/** A reference that leads nowhere: the container waits with CreateContainerConfigError. */
export class ConfigError extends Error {
  override name = 'ConfigError'
}

/** A container's environment: the image's, what `envFrom` and `env` say, and where the API is. */
export async function environmentOf(
  client: Client,
  pod: PodObject,
  container: ContainerSpec,
  image: Image,
  podIP: string,
): Promise<Record<string, string>> {
  const { name, namespace = 'default' } = pod.metadata
  const read = (kind: 'configmaps' | 'secrets', from: { name: string; optional?: boolean }) =>
    dataOf(client, namespace, kind, from)
  const env: Record<string, string> = {
    PATH: process.env['PATH'] ?? '',
    HOSTNAME: name,
    KUBERNETES_SERVICE_HOST: addresses.api,
    KUBERNETES_SERVICE_PORT: '443',
    ...image.env,
  }
  for (const { prefix = '', configMapRef, secretRef } of container.envFrom ?? []) {
    const data = {
      ...(configMapRef && (await read('configmaps', configMapRef))),
      ...(secretRef && (await read('secrets', secretRef))),
    }
    for (const [key, value] of Object.entries(data)) env[`${prefix}${key}`] = value
  }
  for (const variable of container.env ?? []) {
    const value = await valueOf(variable, pod, podIP, read)
    if (value !== undefined) env[variable.name] = expand(value, env)
  }
  return env
}

type Read = (
  kind: 'configmaps' | 'secrets',
  from: { name: string; optional?: boolean },
) => Promise<Record<string, string>>

async function valueOf(
  { value = '', valueFrom }: EnvironmentVariable,
  pod: PodObject,
  podIP: string,
  read: Read,
): Promise<string | undefined> {
  if (valueFrom === undefined) return value
  if (valueFrom.fieldRef) return fieldOf(pod, podIP, valueFrom.fieldRef.fieldPath)
  for (const [kind, from] of [
    ['configmaps', valueFrom.configMapKeyRef],
    ['secrets', valueFrom.secretKeyRef],
  ] as const) {
    if (from === undefined) continue
    const found = (await read(kind, from))[from.key]
    if (found === undefined && from.optional !== true)
      throw new ConfigError(`couldn't find key ${from.key} in ${kind} ${from.name}`)
    return found
  }
  throw new ConfigError(`the stand-in kubelet does not know valueFrom ${Object.keys(valueFrom).join()}`)
}

async function dataOf(
  client: Client,
  namespace: string,
  kind: 'configmaps' | 'secrets',
  { name, optional = false }: { name: string; optional?: boolean },
): Promise<Record<string, string>> {
  const { status, body } = await client.request<KubernetesObject>(
    'GET',
    `/api/v1/namespaces/${namespace}/${kind}/${name}`,
  )
  if (status === 404 && optional) return {}
  if (status !== 200)
    throw new ConfigError(`${kind === 'secrets' ? 'secret' : 'configmap'} "${name}" not found`)
  const data = Object.entries((body['data'] ?? {}) as Record<string, string>)
  const decode = (value: string) =>
    kind === 'secrets' ? Buffer.from(value, 'base64').toString('utf8') : value
  return Object.fromEntries(data.map(([key, value]) => [key, decode(value)]))
}

function fieldOf({ metadata, spec }: PodObject, podIP: string, path: string): string {
  const entry = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(path)
  if (entry) return metadata[entry[1] as 'labels' | 'annotations']?.[entry[2] ?? ''] ?? ''
  const fields: Record<string, string | undefined> = {
    'metadata.name': metadata.name,
    'metadata.namespace': metadata.namespace,
    'metadata.uid': metadata.uid,
    'spec.nodeName': spec.nodeName,
    'spec.serviceAccountName': spec.serviceAccountName ?? 'default',
    'status.podIP': podIP,
    'status.hostIP': addresses.host,
  }
  const value = fields[path]
  if (value === undefined) throw new ConfigError(`unsupported fieldPath: ${path}`)
  return value
}

/** `$(NAME)` of a variable before it; `$$(NAME)` stays. */
const expand = (text: string, env: Record<string, string>): string =>
  text.replace(/\$(\$|\(([^)]+)\))/g, (whole, kind: string, name: string) =>
    kind === '$' ? '$' : (env[name] ?? whole),
  )
