import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'
import { ApiError, clusterUnavailable, openCluster } from '@handover/testkit/kubernetes'
import type { Client } from '@handover/testkit/kubernetes'
import type { KubernetesObject, Rendered } from '../../../dist/kubernetes/render/index.js'
import { rolesOf } from '../../../dist/kubernetes/render/index.js'
import { everything, orderOf, render, webOf } from '../render/configs.js'

const skip = clusterUnavailable() ?? false
const folder = fileURLToPath(new URL('../../../../..', import.meta.url))
const asked = { version: '1.20', folder, namespace: 'shop' }
const image = 'registry.example/web:1.2.3'

/** Configurations that render every kind of object and every field. */
const stories: Record<string, Pick<Rendered, 'objects'>> = {
  plain: render({ web: webOf() }, asked),
  everything: render(everything, asked),
  roles: rolesOf(orderOf(everything, asked), render(everything, asked).objects),
  'environment from a ConfigMap': render(
    { web: webOf({ kubernetes: { image, configMap: { data: { LOG_LEVEL: 'on' } } } }) },
    asked,
  ),
  'an Ingress without rules': render({ web: webOf({ kubernetes: { image, ingress: {} } }) }, asked),
  'the library': render({ web: webOf({ kubernetes: { image, register: true, probesPort: 9090 } }) }, asked),
  'no port': render({ web: webOf({ listen: {}, kubernetes: { image } }) }, asked),
  Recreate: render({ web: webOf({ strategy: { type: 'Recreate' } }) }, asked),
  percentages: render(
    {
      web: webOf({
        replicas: 3,
        strategy: { rollingUpdate: { maxSurge: '1%', maxUnavailable: '100%' } },
        kubernetes: { image, podDisruptionBudget: { minAvailable: '50%' } },
      }),
    },
    asked,
  ),
  'odd times': render(
    {
      web: webOf({
        minReadySeconds: 0.5,
        drain: { timeoutSeconds: 0 },
        startupProbe: { tcpSocket: { port: 'http' }, periodSeconds: 0.1, timeoutSeconds: 0.1 },
        kubernetes: { image, drain: { delaySeconds: 0 } },
      }),
    },
    asked,
  ),
}

const collections: Record<string, string> = {
  ConfigMap: 'configmaps',
  Service: 'services',
  ServiceAccount: 'serviceaccounts',
  Deployment: 'deployments',
  PodDisruptionBudget: 'poddisruptionbudgets',
  HorizontalPodAutoscaler: 'horizontalpodautoscalers',
  Ingress: 'ingresses',
  Role: 'roles',
  RoleBinding: 'rolebindings',
}

/** A server-side apply is strict: it refuses a field that is not in the server's schema. */
function dryRun(client: Client, { apiVersion, kind, metadata }: KubernetesObject, object: object) {
  const group = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
  const path = `${group}/namespaces/shop/${collections[kind]}/${metadata.name}`
  return client.patch(`${path}?dryRun=All&fieldManager=handover`, object, 'apply')
}

test('the API server accepts every object that is rendered for its version', { skip }, async (t) => {
  const cluster = await openCluster({ images: {} })
  t.after(() => cluster.close())
  const { client } = cluster
  const { body } = await client.request<{ major: string; minor: string }>('GET', '/version')
  assert.equal(`${body.major}.${body.minor}`, asked.version)
  await client.create('/api/v1/namespaces', { metadata: { name: 'shop' } })
  let taken = 0
  for (const [story, { objects }] of Object.entries(stories))
    for (const object of objects) {
      const answer = await dryRun(client, object, object).catch((error: unknown) => error)
      assert.ok(!(answer instanceof Error), `${story}, ${object.kind}: ${String(answer)}`)
      taken += 1
    }
  t.diagnostic(`${taken} objects of ${Object.keys(stories).length} configurations`)
  await refusesOthers(client)
})

/** Control: the server refuses a field and an API of other versions, and a name that its rules forbid. */
async function refusesOthers(client: Client): Promise<void> {
  const later = render(everything, { ...asked, version: '1.30' }).objects
  const deployment = later.find(({ kind }) => kind === 'Deployment')
  assert.ok(deployment)
  await assert.rejects(dryRun(client, deployment, deployment), /sleep: field not declared in schema/)
  const budget = later.find(({ kind }) => kind === 'PodDisruptionBudget')
  assert.ok(budget)
  await assert.rejects(
    dryRun(client, budget, budget),
    (error) => error instanceof ApiError && error.status === 404,
  )
  const [service] = stories['plain']?.objects ?? []
  assert.ok(service)
  const named = { ...service, metadata: { ...service.metadata, name: 'Web' } }
  await assert.rejects(dryRun(client, named, named), ApiError)
}
