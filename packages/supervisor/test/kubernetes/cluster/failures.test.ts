import assert from 'node:assert/strict'
import { test } from 'node:test'
import { imageOf, sharedCluster } from './shared-cluster.js'
import { pathOf } from './rig.js'

const shared = sharedCluster()
const { skip, applied, web } = shared

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
  // An undo skips the failed revision, although it is the previous one.
  const undone = await commands.run('undo')
  assert.equal(undone.code, 1)
  assert.match(undone.stderr, /no revision before the current one to go back to, except 2, which failed/)
  const { stdout } = await commands.run('history')
  assert.match(stdout, /^ {2}2 .*upgrade to web:crash \(failed\)/m)
})

test(
  '--no-undo leaves a crash loop in place, and the next failed upgrade rolls back to the revision before it',
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

test('a rollout past its progress deadline is undone, and the failing probe is named', { skip }, async () => {
  const commands = await applied({ progressDeadlineSeconds: 5 })
  const { code, stderr, receipt } = await commands.run('upgrade', '--image', 'web:deaf', '--json')
  assert.equal(code, 3, stderr)
  const { failure } = receipt()
  assert.equal(failure?.code, 'ProgressDeadlineExceeded')
  assert.match(failure.message, /no progress for 5 s .* Readiness probe failed: .*ECONNREFUSED/)
  assert.deepEqual(failure.output, ['never listening'])
  // The Deployment still has the condition of that failure. The next rollout must ignore it.
  const next = await commands.run('upgrade', '--image', 'web:2')
  assert.equal(next.code, 0, next.stderr)
})

test('a quota that is used up is named', { skip }, async () => {
  const commands = await applied({ progressDeadlineSeconds: 5 })
  await shared.cluster.client.create(pathOf('resourcequotas', undefined, commands.namespace), {
    metadata: { name: 'pods' },
    spec: { hard: { pods: '2' } },
  })
  await shared.cluster.until(
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

test('a rollout continues when the API server is killed and started again during it', { skip }, async () => {
  const commands = await applied({ minReadySeconds: 2 })
  const upgrade = commands.start('upgrade', '--image', 'web:2', '--wait', 'drained')
  await upgrade.line(/: ready/)
  await shared.cluster.killServer()
  await upgrade.line(/cannot be reached.*trying again/)
  await shared.cluster.startServer()
  const { code, stderr, stdout } = await upgrade.ended
  assert.equal(code, 0, stderr)
  assert.match(stdout, /complete in/)
  assert.match(stderr, /answers again/)
})

test(
  'a rollout that fails while the API server is down is undone when it is up again',
  { skip },
  async () => {
    const commands = await applied()
    const upgrade = commands.start('upgrade', '--image', 'web:crash')
    await upgrade.line(/restarted 1 time/)
    await shared.cluster.killServer()
    await upgrade.line(/cannot be reached.*trying again/)
    await shared.cluster.startServer()
    const { code, stderr } = await upgrade.ended
    assert.equal(code, 3, stderr)
    assert.equal(imageOf(await web(commands)), 'web:1')
  },
)
