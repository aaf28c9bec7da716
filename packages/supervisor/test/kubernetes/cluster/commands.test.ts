import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KubernetesObject } from '@handover/testkit/kubernetes'
import type { DeploymentReceipt, RevisionRecord } from '../../../dist/kubernetes/rollout/index.js'
import type { ServiceStatus } from '../../../dist/model/index.js'
import type { Commands } from './commands-rig.js'
import { imageOf, sharedCluster } from './shared-cluster.js'
import { deployment, pathOf } from './rig.js'

const shared = sharedCluster()
const { skip, applied, web } = shared

const statusOf = async (commands: Commands): Promise<ServiceStatus> =>
  JSON.parse((await commands.run('status', '--json')).stdout) as ServiceStatus

test(
  'apply, upgrade, history, restart, scale and undo change the pods, and print what they did',
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
    // The next apply overwrites the fields of the undo and of the upgrade, without a conflict.
    const back = await commands.run('apply', '--set', 'image=web:2')
    assert.equal(back.code, 0, back.stderr)
    assert.equal((await statusOf(commands)).replicas, 2)
  },
)

test(
  'a paused Deployment waits and is never undone, and continues when it is resumed',
  { skip },
  async () => {
    const commands = await applied({ progressDeadlineSeconds: 3 })
    assert.equal((await commands.run('pause')).code, 0)
    assert.match((await commands.run('pause')).stderr, /"web" is already paused/)
    const timedOut = await commands.run('upgrade', '--image', 'web:2', '--timeout', '5')
    assert.equal(timedOut.code, 4, timedOut.stderr)
    assert.match(timedOut.stderr, /stopped waiting after 5 s; the rollout continues/)
    assert.equal(imageOf(await web(commands)), 'web:2')
    assert.match(
      (await commands.run('explain')).stdout,
      /it is paused: the rollout continues when it is resumed/,
    )
    for (const verb of ['undo', 'restart'])
      assert.match((await commands.run(verb)).stderr, /is paused: resume it before/)
    assert.equal((await commands.run('resume')).code, 0)
    await shared.cluster.until(
      pathOf('deployments', 'web', commands.namespace),
      (live) =>
        live?.status?.updatedReplicas === 2 &&
        live.status.availableReplicas === 2 &&
        live.status.replicas === 2,
    )
    assert.deepEqual((await statusOf(commands)).waiting, [])
  },
)

test('the receipt shows which pod had to be killed', { skip }, async () => {
  const commands = await shared.namespace()
  const stubborn = deployment({
    image: 'web:stubborn',
    replicas: 1,
    pod: { terminationGracePeriodSeconds: 1 },
  })
  await shared.cluster.client.create(pathOf('deployments', undefined, commands.namespace), stubborn)
  await shared.cluster.until(
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

test('a field that another manager applies is not changed without --force-conflicts', { skip }, async () => {
  const commands = await shared.namespace()
  const { namespace } = commands
  const theirs = { ...deployment({ image: 'web:1' }), apiVersion: 'apps/v1', kind: 'Deployment' }
  await shared.cluster.client.request(
    'PATCH',
    `${pathOf('deployments', 'web', namespace)}?fieldManager=argocd`,
    theirs,
    'application/apply-patch+yaml',
  )
  const upgraded = await commands.run('upgrade', 'web', '--image', 'web:2')
  assert.equal(upgraded.code, 1)
  assert.match(upgraded.stderr, /field manager "argocd" owns the image of container "web".*--force-conflicts/)
  assert.equal(imageOf(await web(commands)), 'web:1')
  const forced = await commands.run('upgrade', 'web', '--image', 'web:2', '--force-conflicts')
  assert.equal(forced.code, 0, forced.stderr)
})

test('apply names the fields that another manager owns, and applies nothing', { skip }, async () => {
  const commands = await applied()
  const { namespace } = commands
  const scaled = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: { replicas: 1 },
  }
  await shared.cluster.client.request(
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

test('apply rolls two services at once, and undoes only the one that fails', { skip }, async () => {
  const commands = await shared.namespace()
  const apply = async (webImage: string, apiImage: string) => {
    commands.configure({}, { image: webImage }, { api: apiImage })
    const { code, stdout, stderr } = await commands.run('apply', '--json')
    assert.notEqual(stdout, '', stderr)
    const receipts = JSON.parse(stdout) as DeploymentReceipt[]
    return { code, stderr, outcomes: receipts.map(({ service, outcome }) => `${service} ${outcome}`) }
  }
  const first = await apply('web:1', 'web:1')
  assert.deepEqual([first.code, first.outcomes], [0, ['web complete', 'api complete']], first.stderr)
  const second = await apply('web:2', 'web:crash')
  assert.deepEqual([second.code, second.outcomes], [3, ['web complete', 'api rolled-back']], second.stderr)
  assert.match(second.stderr, /^its last lines:\n {2}\| boom: no database$/m)
  const images = await Promise.all(
    ['web', 'api'].map(async (name) => imageOf(await shared.deployment(commands, name))),
  )
  assert.deepEqual(images, ['web:2', 'web:1'])
})

test('SIGINT ends the watching, and the rollout continues', { skip }, async () => {
  const commands = await applied({ minReadySeconds: 1 })
  const upgrade = commands.start('upgrade', '--image', 'web:2')
  await upgrade.line(/created/)
  upgrade.child.kill('SIGINT')
  const { code, stderr } = await upgrade.ended
  assert.equal(code, 130)
  assert.match(stderr, /stopped watching; the rollout continues in the cluster/)
  await shared.cluster.until(
    pathOf('deployments', 'web', commands.namespace),
    (live) =>
      live?.status?.updatedReplicas === 2 &&
      live.status.availableReplicas === 2 &&
      live.status.replicas === 2,
  )
})

test(
  'a user without rights sees the missing verb and resource, and the printed Role is sufficient',
  { skip },
  async () => {
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
    await shared.cluster.client.create(`${rbac}/roles`, role)
    await shared.cluster.client.create(`${rbac}/rolebindings`, {
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
  },
)
