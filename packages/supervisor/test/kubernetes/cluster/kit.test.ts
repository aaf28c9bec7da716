import assert from 'node:assert/strict'
import { existsSync, readlinkSync } from 'node:fs'
import { test } from 'node:test'
import { clusterUnavailable, openCluster } from '@handover/testkit/kubernetes'
import { deployment, pathOf, reachedBy, service, states } from './rig.js'

const skip = clusterUnavailable() ?? false
const network = () => readlinkSync('/proc/thread-self/ns/net')

const hello = `require('node:http').createServer((_, response) => response.end(process.env.GREETING + ' from '
  + process.env.POD_IP)).listen(8080, () => console.log('listening as process', process.pid))
  process.on('SIGTERM', () => process.exit(7))`

test(
  'openCluster() runs the pods of a Deployment, and close() removes its folder and network',
  { skip },
  async (t) => {
    const outside = network()
    const cluster = await openCluster({ images: { hello: { entrypoint: [process.execPath, '-e', hello] } } })
    t.after(() => cluster.close())
    const { client } = cluster
    const env = [
      { name: 'GREETING', value: 'one' },
      { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
    ]
    await client.create(pathOf('deployments'), deployment({ image: 'hello', env, replicas: 1 }))
    await client.create(pathOf('services'), service())
    await cluster.until(pathOf('deployments', 'web'), (web) => web?.status?.availableReplicas === 1)
    const proxy = cluster.proxy('default', 'web', { delayMs: 0 })
    t.after(() => proxy.close())
    await proxy.reached(1)
    const to = proxy.next()
    assert.equal(await reachedBy(to), `one from ${to?.host}`)

    const [pod] = await client.list(pathOf('pods'))
    const name = pod?.metadata.name ?? ''
    const log = await client.request<string>('GET', `${pathOf('pods', name)}/log?tailLines=1`)
    assert.equal(log.body, 'listening as process 1\n')

    const seen = states(cluster, name)
    await client.delete(pathOf('pods', name))
    await cluster.until(pathOf('pods', name), (gone) => gone === null)
    assert.equal((await seen.close()).at(-1), 'terminated Error 7')

    await cluster.close()
    assert.equal(existsSync(cluster.folder), false)
    assert.equal(network(), outside)
  },
)

test('a container that cannot start or crashes waits with the reasons of kubelet', { skip }, async (t) => {
  const crash = [process.execPath, '-e', `console.log('boom'); process.exit(3)`]
  const cluster = await openCluster({ images: { crash: { entrypoint: crash } }, backoffSeconds: 1 })
  t.after(() => cluster.close())
  const { client } = cluster
  const waits = (name: string, reason: string) =>
    cluster.until(
      pathOf('pods', name),
      (pod) => pod?.status?.containerStatuses?.[0]?.state.waiting?.reason === reason,
    )
  const pod = (name: string, container: object) => ({
    metadata: { name },
    spec: { containers: [{ name: 'app', image: name, ...container }] },
  })
  await client.create(pathOf('pods'), pod('absent', {}))
  await waits('absent', 'ErrImagePull')
  await waits('absent', 'ImagePullBackOff')

  await client.create(pathOf('pods'), pod('crash', {}))
  const crashed = await waits('crash', 'CrashLoopBackOff')
  const [app] = crashed?.status?.containerStatuses ?? []
  assert.deepEqual([app?.restartCount, app?.lastState.terminated?.exitCode], [1, 3])
  const log = await client.request<string>('GET', `${pathOf('pods', 'crash')}/log?previous=true`)
  assert.equal(log.body, 'boom\n')

  const env = [{ name: 'KEY', valueFrom: { secretKeyRef: { name: 'nothing', key: 'key' } } }]
  await client.create(pathOf('pods'), { ...pod('config', { image: 'crash', env }) })
  await waits('config', 'CreateContainerConfigError')
  const events = await client.list(pathOf('events'))
  const reasons = new Set(events.map(({ reason }) => reason as string))
  for (const reason of ['Failed', 'BackOff', 'Started']) assert.ok(reasons.has(reason), reason)
})

test('the API server is killed and started again, and pods keep running', { skip }, async (t) => {
  const images = { hello: { entrypoint: [process.execPath, '-e', hello] } }
  const cluster = await openCluster({ images })
  t.after(() => cluster.close())
  const { client } = cluster
  await client.create(pathOf('deployments'), deployment({ image: 'hello', replicas: 1 }))
  await client.create(pathOf('services'), service())
  const web = pathOf('deployments', 'web')
  await cluster.until(web, (object) => object?.status?.availableReplicas === 1)
  const proxy = cluster.proxy('default', 'web', { delayMs: 0 })
  t.after(() => proxy.close())
  await proxy.reached(1)

  await cluster.killServer()
  await assert.rejects(client.get(web), { code: 'ECONNREFUSED' })
  assert.match(await reachedBy(proxy.next()), /^undefined from/)
  await cluster.startServer()
  await client.patch(web, { spec: { replicas: 2 } })
  await proxy.reached(2)
})
