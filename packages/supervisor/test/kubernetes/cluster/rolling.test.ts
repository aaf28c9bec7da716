import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { clusterUnavailable, openCluster } from '@handover/testkit/kubernetes'
import type { Cluster, Image } from '@handover/testkit/kubernetes'
import { assertFlawless, loadService } from './load.js'
import { deployment, pathOf, rolledOut, service } from './rig.js'

const skip = clusterUnavailable() ?? false
const apps = fileURLToPath(new URL('../../../test/fixtures/apps/', import.meta.url))
const register = import.meta.resolve('@handover/process/register')

const app = (file: string): Image => ({ entrypoint: [process.execPath, file], workingDir: apps })
const images = { library: app('library.mjs'), unmodified: app('hello.cjs'), naive: app('naive.cjs') }
const zeroCode = [{ name: 'NODE_OPTIONS', value: `--import ${register}` }]

let cluster: Cluster
before(async () => {
  if (!skip) cluster = await openCluster({ images })
})
after(() => skip || cluster.close())

/** Runs rolling updates under load, each until the last old pod is gone. Resolves with the report of the load. */
async function rollUnderLoad(
  image: keyof typeof images,
  { env = [] as object[], pod = {}, releases = ['two', 'three'] } = {},
) {
  const { client } = cluster
  await client.create('/api/v1/namespaces', { metadata: { name: image } })
  const web = pathOf('deployments', 'web', image)
  const all = [...env, { name: 'PORT', value: '8080' }]
  await client.create(pathOf('deployments', undefined, image), deployment({ image, env: all, pod }))
  await client.create(pathOf('services', undefined, image), service())
  const load = await loadService(cluster, image, 2)
  const exits = exitCodes(image)
  for (const release of releases) {
    const annotations = { release }
    await client.patch(web, { spec: { template: { metadata: { annotations } } } })
    await rolledOut(cluster, web)
    await cluster.untilAll(pathOf('pods', undefined, image), (pods) => pods.length === 2)
  }
  return { report: await load.stop(), exits: await exits.close() }
}

/** The exit codes of the pods that end. */
function exitCodes(namespace: string) {
  const codes = new Map<string, number>()
  const follower = cluster.follow(pathOf('pods', undefined, namespace), (_, { metadata, status }) => {
    const code = status?.containerStatuses?.[0]?.state.terminated?.exitCode
    if (code !== undefined) codes.set(metadata.name, code)
  })
  return {
    async close() {
      await follower.close()
      return [...codes.values()]
    },
  }
}

test('two rolling updates lose no request of an application with the library', { skip }, async (t) => {
  const { report, exits } = await rollUnderLoad('library')
  assertFlawless(report, (line) => t.diagnostic(line))
  assert.deepEqual(exits, [0, 0, 0, 0])
})

test('two rolling updates lose no request of an unmodified application', { skip }, async (t) => {
  const { report, exits } = await rollUnderLoad('unmodified', { env: zeroCode })
  assertFlawless(report, (line) => t.diagnostic(line))
  assert.deepEqual(exits, [0, 0, 0, 0])
})

test(
  'the load detects the failures of an application that closes its server at SIGTERM',
  { skip },
  async (t) => {
    const { report } = await rollUnderLoad('naive', {
      releases: ['two'],
      // server.close() waits for idle connections, which do not end by themselves.
      pod: { terminationGracePeriodSeconds: 4 },
    })
    t.diagnostic(`${report.answered} requests answered, ${report.failed} failed`)
    assert.ok(report.outcomes.refused > 0, JSON.stringify(report.outcomes))
  },
)
