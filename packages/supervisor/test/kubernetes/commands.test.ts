import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { clusterUnavailable, openCluster } from '@handover/testkit/kubernetes'
import type { Cluster, KubernetesObject } from '@handover/testkit/kubernetes'
import type { RevisionRecord } from '../../dist/deployment/index.js'
import type { ServiceStatus } from '../../dist/model/index.js'
import type { Commands } from './commands-rig.js'
import { images, openNamespace } from './commands-rig.js'
import { deployment, pathOf } from './rig.js'

const skip = clusterUnavailable() ?? false

let cluster: Cluster
before(async () => {
  if (!skip) cluster = await openCluster({ images, backoffSeconds: 1 })
})
after(() => cluster?.close())

/** A namespace in which two pods of web:1 serve, applied by us. */
async function applied(kubernetes: object = {}, service: object = {}): Promise<Commands> {
  const commands = await openNamespace(cluster)
  commands.configure(service, kubernetes)
  const { code, stderr } = await commands.run('apply')
  assert.equal(code, 0, stderr)
  return commands
}

const web = async ({ namespace }: Commands): Promise<KubernetesObject> => {
  const found = await cluster.until(pathOf('deployments', 'web', namespace), (object) => object !== null)
  assert.ok(found)
  return found
}
const imageOf = ({ spec }: KubernetesObject): string =>
  (spec as { template: { spec: { containers: { image: string }[] } } }).template.spec.containers[0]?.image ??
  ''
const statusOf = async (commands: Commands): Promise<ServiceStatus> =>
  JSON.parse((await commands.run('status', '--json')).stdout) as ServiceStatus

test(
  'apply, upgrade, history, restart, scale and undo roll the pods and tell of each',
  { skip },
  async () => {
    const commands = await applied()
    const again = await commands.run('apply')
    assert.match(again.stderr, /Deployment "web" unchanged/)

    const upgraded = await commands.run('upgrade', '--image', 'web:2', '--wait', 'drained', '--json')
    assert.equal(upgraded.code, 0, upgraded.stderr)
    const { outcome, fromRevision, toRevision, pods } = upgraded.receipt()
    assert.deepEqual([outcome, fromRevision, toRevision], ['complete', 1, 2])
    assert.deepEqual(
      pods.map(({ side, exit, killed }) => [side, exit?.code, killed]),
      [
        ['new', undefined, false],
        ['new', undefined, false],
        ['old', 0, false],
        ['old', 0, false],
      ],
    )
    assert.ok(pods.filter(({ side }) => side === 'new').every(({ readyMs }) => readyMs !== undefined))

    const scaled = await commands.run('scale', 'web=3', '--json')
    assert.deepEqual([scaled.code, (await statusOf(commands)).available], [0, 3])
    const restarted = await commands.run('restart', '--json')
    assert.deepEqual([restarted.code, restarted.receipt().toRevision], [0, 3])
    const undone = await commands.run('undo', '--to-revision', '1', '--json')
    assert.deepEqual([undone.code, undone.receipt().outcome], [0, 'complete'])
    assert.equal(imageOf(await web(commands)), 'web:1')

    const history = JSON.parse((await commands.run('history', '--json')).stdout) as RevisionRecord[]
    assert.deepEqual(
      history.map(({ revision, images: [image], cause, current }) => [revision, image, cause, current]),
      [
        [2, 'web:2', 'upgrade to web:2', false],
        [3, 'web:2', 'restart', false],
        [4, 'web:1', 'apply', true],
      ],
    )
    // What an undo and an upgrade wrote is taken back by the next apply, without a conflict with ourselves.
    const back = await commands.run('apply', '--set', 'image=web:2')
    assert.equal(back.code, 0, back.stderr)
    assert.equal((await statusOf(commands)).replicas, 2)
  },
)

test('a crash loop is undone, with the reason and the last lines', { skip }, async () => {
  const commands = await applied()
  const { code, stderr, receipt } = await commands.run('upgrade', '--image', 'web:crash', '--json')
  assert.equal(code, 3, stderr)
  const { outcome, failure, pods } = receipt()
  assert.equal(outcome, 'rolled-back')
  assert.equal(failure?.code, 'Crashed')
  assert.match(failure.message, /exited with code 3, restarted [23] times.*crash loop/)
  assert.deepEqual(failure.output, ['boom: no database'])
  assert.deepEqual(
    pods.filter(({ side }) => side === 'old').map(({ restarts, exit }) => [restarts, exit]),
    [
      [0, undefined],
      [0, undefined],
    ],
  )
  const live = await web(commands)
  assert.equal(imageOf(live), 'web:1')
  assert.equal(live.metadata.annotations?.['kubernetes.io/change-cause'], 'apply')
  // That revision is nothing to go back to, though it is the one before.
  const undone = await commands.run('undo')
  assert.equal(undone.code, 1)
  assert.match(undone.stderr, /no revision before the present one to go back to, but for 2, which failed/)
  const { stdout } = await commands.run('history')
  assert.match(stdout, /^ {2}2 .*upgrade to web:crash \(failed\)/m)
})

test(
  'a crash loop is left as it is with --no-undo, and the next upgrade goes back past it',
  { skip },
  async () => {
    const commands = await applied()
    const left = await commands.run('upgrade', '--image', 'web:crash', '--no-undo', '--json')
    assert.deepEqual([left.code, left.receipt().outcome], [1, 'failed'])
    assert.equal(imageOf(await web(commands)), 'web:crash')
    const next = await commands.run('upgrade', '--image', 'web:missing', '--fail-fast', '--json')
    assert.equal(next.code, 3, next.stderr)
    assert.match(next.receipt().failure?.message ?? '', /cannot get the image "web:missing"/)
    assert.equal(imageOf(await web(commands)), 'web:1')
  },
)

test('the progress deadline is undone and says which probe fails', { skip }, async () => {
  const commands = await applied({ progressDeadlineSeconds: 5 })
  const { code, stderr, receipt } = await commands.run('upgrade', '--image', 'web:deaf', '--json')
  assert.equal(code, 3, stderr)
  const { failure } = receipt()
  assert.equal(failure?.code, 'ProgressDeadlineExceeded')
  assert.match(failure.message, /no progress for 5 s .* Readiness probe failed: .*ECONNREFUSED/)
  assert.deepEqual(failure.output, ['never listening'])
  // The condition of that failure still stands: the next rollout does not take it for its own.
  const next = await commands.run('upgrade', '--image', 'web:2')
  assert.equal(next.code, 0, next.stderr)
})

test('a quota that is used up is named', { skip }, async () => {
  const commands = await applied({ progressDeadlineSeconds: 5 })
  await cluster.client.create(pathOf('resourcequotas', undefined, commands.namespace), {
    metadata: { name: 'pods' },
    spec: { hard: { pods: '2' } },
  })
  await cluster.until(
    pathOf('resourcequotas', 'pods', commands.namespace),
    (quota) => (quota?.status as { used?: { pods?: string } } | undefined)?.used?.pods === '2',
  )
  const { code, stderr, receipt } = await commands.run('upgrade', '--image', 'web:2', '--json')
  assert.equal(code, 3, stderr)
  assert.match(
    receipt().failure?.message ?? '',
    /cannot create its pods: a ResourceQuota is used up: .*limited: pods=2/,
  )
})

test('a paused Deployment waits and is never undone; it goes on when it is resumed', { skip }, async () => {
  const commands = await applied({ progressDeadlineSeconds: 3 })
  assert.equal((await commands.run('pause')).code, 0)
  assert.match((await commands.run('pause')).stderr, /"web" is paused already/)
  const timedOut = await commands.run('upgrade', '--image', 'web:2', '--timeout', '5')
  assert.equal(timedOut.code, 4, timedOut.stderr)
  assert.match(timedOut.stderr, /gave up waiting after 5 s; the rollout goes on/)
  assert.equal(imageOf(await web(commands)), 'web:2')
  assert.match((await commands.run('explain')).stdout, /it is paused: the rollout goes on when it is resumed/)
  for (const verb of ['undo', 'restart'])
    assert.match((await commands.run(verb)).stderr, /is paused: resume it before/)
  assert.equal((await commands.run('resume')).code, 0)
  await cluster.until(
    pathOf('deployments', 'web', commands.namespace),
    (live) =>
      live?.status?.updatedReplicas === 2 &&
      live.status.availableReplicas === 2 &&
      live.status.replicas === 2,
  )
  assert.deepEqual((await statusOf(commands)).waiting, [])
})

test('a pod that has to be killed is noted in the receipt', { skip }, async () => {
  const commands = await openNamespace(cluster)
  const stubborn = deployment({
    image: 'web:stubborn',
    replicas: 1,
    pod: { terminationGracePeriodSeconds: 1 },
  })
  await cluster.client.create(pathOf('deployments', undefined, commands.namespace), stubborn)
  await cluster.until(
    pathOf('deployments', 'web', commands.namespace),
    (live) => live?.status?.availableReplicas === 1,
  )
  const { code, stderr, receipt } = await commands.run(
    'upgrade',
    'web',
    '--image',
    'web:2',
    '--wait',
    'drained',
    '--json',
  )
  assert.equal(code, 0, stderr)
  const old = receipt().pods.find(({ side }) => side === 'old')
  assert.deepEqual([old?.killed, old?.exit?.signal], [true, 'SIGKILL'])
})

test(
  'a field that another manager applies is left to it, unless it is to be taken over',
  { skip },
  async () => {
    const commands = await openNamespace(cluster)
    const { namespace } = commands
    const theirs = { ...deployment({ image: 'web:1' }), apiVersion: 'apps/v1', kind: 'Deployment' }
    await cluster.client.request(
      'PATCH',
      `${pathOf('deployments', 'web', namespace)}?fieldManager=argocd`,
      theirs,
      'application/apply-patch+yaml',
    )
    const upgraded = await commands.run('upgrade', 'web', '--image', 'web:2')
    assert.equal(upgraded.code, 1)
    assert.match(
      upgraded.stderr,
      /the image of container "web" is applied by field manager "argocd".*--force-conflicts/,
    )
    assert.equal(imageOf(await web(commands)), 'web:1')
    const forced = await commands.run('upgrade', 'web', '--image', 'web:2', '--force-conflicts')
    assert.equal(forced.code, 0, forced.stderr)
  },
)

test('apply tells which fields another manager has, and applies nothing', { skip }, async () => {
  const commands = await applied()
  const { namespace } = commands
  const scaled = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: { replicas: 1 },
  }
  await cluster.client.request(
    'PATCH',
    `${pathOf('deployments', 'web', namespace)}?fieldManager=argocd&force=true`,
    scaled,
    'application/apply-patch+yaml',
  )
  commands.configure({ replicas: 3 }, { image: 'web:2' })
  const refused = await commands.run('apply')
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /\.spec\.replicas \(conflict with "argocd".*nothing was applied/)
  assert.equal(imageOf(await web(commands)), 'web:1')
  const forced = await commands.run('apply', '--force-conflicts')
  assert.equal(forced.code, 0, forced.stderr)
  assert.equal((await statusOf(commands)).available, 3)
})

test(
  'an API server that is killed and started again in the middle of a rollout is waited for',
  { skip },
  async () => {
    const commands = await applied({ minReadySeconds: 2 })
    const upgrade = commands.start('upgrade', '--image', 'web:2', '--wait', 'drained')
    await upgrade.line(/: ready/)
    await cluster.killServer()
    await upgrade.line(/cannot be reached.*asking again/)
    await cluster.startServer()
    const { code, stderr, stdout } = await upgrade.ended
    assert.equal(code, 0, stderr)
    assert.match(stdout, /complete in/)
    assert.match(stderr, /answers again/)
  },
)

test('a rollout that fails while the API server is away is undone when it is back', { skip }, async () => {
  const commands = await applied()
  const upgrade = commands.start('upgrade', '--image', 'web:crash')
  await upgrade.line(/restarted 1 time/)
  await cluster.killServer()
  await upgrade.line(/cannot be reached.*asking again/)
  await cluster.startServer()
  const { code, stderr } = await upgrade.ended
  assert.equal(code, 3, stderr)
  assert.equal(imageOf(await web(commands)), 'web:1')
})

test('SIGINT ends the watching, and the rollout goes on', { skip }, async () => {
  const commands = await applied({ minReadySeconds: 1 })
  const upgrade = commands.start('upgrade', '--image', 'web:2')
  await upgrade.line(/created/)
  upgrade.child.kill('SIGINT')
  const { code, stderr } = await upgrade.ended
  assert.equal(code, 130)
  assert.match(stderr, /stopped watching; the rollout goes on in the cluster/)
  await cluster.until(
    pathOf('deployments', 'web', commands.namespace),
    (live) =>
      live?.status?.updatedReplicas === 2 &&
      live.status.availableReplicas === 2 &&
      live.status.replicas === 2,
  )
})

test('a user without rights is told verb and resource; the printed Role is enough', { skip }, async () => {
  const commands = await applied()
  const restricted = commands.as('restricted')
  const refused = await restricted.run('upgrade', '--image', 'web:2')
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /User "restricted" cannot get resource "deployments".*render --rbac/)

  const printed = await commands.run('render', '--rbac', '--output', 'json', '--kubernetes-version', '1.20')
  const { items } = JSON.parse(printed.stdout) as { items: KubernetesObject[] }
  const role = items.find(({ kind }) => kind === 'Role')
  assert.ok(role)
  const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${commands.namespace}`
  await cluster.client.create(`${rbac}/roles`, role)
  await cluster.client.create(`${rbac}/rolebindings`, {
    metadata: { name: 'restricted' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: role.metadata.name },
    subjects: [{ kind: 'User', name: 'restricted', apiGroup: 'rbac.authorization.k8s.io' }],
  })
  for (const args of [
    ['apply'],
    ['upgrade', '--image', 'web:2'],
    ['status'],
    ['history'],
    ['explain'],
    ['scale', 'web=1'],
    ['restart'],
    ['pause'],
    ['resume'],
  ]) {
    const { code, stderr } = await restricted.run(...args)
    assert.equal(code, 0, `${args.join(' ')}: ${stderr}`)
  }
  const failed = await restricted.run('upgrade', '--image', 'web:crash', '--json')
  assert.equal(failed.code, 3, failed.stderr)
  assert.deepEqual(failed.receipt().failure?.output, ['boom: no database'])
})
