import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RawConnection } from './raw-client.js'
import { serve, stage } from './stage.js'

for (const [policy, env, register] of [
  ['round robin', {}, true],
  ['SCHED_NONE', { SCHED_NONE: '1' }, 'bundle'],
] as const) {
  void test(`register drains the workers and starts no new one when a cluster uses ${policy}`, async (t) => {
    const { app, connect } = await serve(t, 'cluster.cjs', { env, register })
    assert.equal((await app.message('listening')).listener, 'http')
    await app.untilOutput('worker 1 listens')
    await app.untilOutput('worker 2 listens')
    const slow = await Promise.all(Array.from({ length: 6 }, connect))
    for (const connection of slow) connection.get('/flushed/500')
    for (const connection of slow) await connection.until(() => connection.socket.bytesRead > 0)
    const exit = app.stop()
    await app.message('draining')
    for (const connection of slow) {
      await connection.until(() => connection.responses.length === 1 || connection.ended)
      assert.equal(connection.responses[0]?.body, 'flushed')
      connection.close()
    }
    assert.deepEqual(await exit, { code: 0, signal: null })
    assert.doesNotMatch(app.output, /again/)
    const { account, cut } = await app.message('drained')
    assert.deepEqual(cut, [])
    assert.equal(account.answered, 6)
    assert.equal(account.accepted, 6)
    assert.equal(account.endedByPeer + account.endedOrderly, 6)
  })
}

void test('register loses no connection when a cluster gets SIGTERM right after it is ready', async (t) => {
  const service = stage(t, 'cluster.cjs', { register: 'bundle' })
  const waiting = await Promise.all(Array.from({ length: 8 }, service.connect))
  for (const connection of waiting) connection.get('/')
  const app = await service.start()
  assert.deepEqual(await app.stop(), { code: 0, signal: null })
  const next = await service.launch()
  for (const connection of waiting) {
    await connection.until(() => connection.responses.length === 1 || connection.ended)
    assert.equal(connection.responses[0]?.status, 200, connection.ends.join())
    connection.close()
  }
  await next.message('ready')
  assert.deepEqual(await next.stop(), { code: 0, signal: null })
})

for (const env of [{}, { SCHED_NONE: '1' }] as Record<string, string>[]) {
  void test(`register keeps the listener for new workers when all workers have died ${JSON.stringify(env)}`, async (t) => {
    const { launch, connect } = stage(t, 'cluster.cjs', { register: 'bundle' })
    const app = await launch({ env: { HANDOVER_PROBE_DIR: '.', ...env } })
    for (const worker of [1, 2]) await app.untilOutput(`worker ${worker} listens`)
    const pids = [...app.output.matchAll(/pid (\d+)/g)].map(([, pid]) => Number(pid))
    assert.equal(pids.length, 2, app.output)
    for (const pid of pids) process.kill(pid, 'SIGKILL')
    await app.until(() => app.output.split('again').length === 3)
    // Between the workers: no process can answer, but no connection may be refused.
    const between = await connect()
    assert.match((await between.ask('/'))?.body ?? '', /^\d+$/)
    between.close()
    for (const worker of [3, 4]) await app.untilOutput(`worker ${worker} listens`)
    const after = await connect()
    assert.match((await after.ask('/'))?.body ?? '', /^\d+$/)
    after.close()
    assert.deepEqual(await app.stop(), { code: 0, signal: null })
  })
}

void test('a connection to HANDOVER_PROBE_DIR reaches a worker when the application is a cluster', async (t) => {
  const app = await stage(t, 'cluster.cjs').launch({
    register: 'bundle',
    env: { HANDOVER_PROBE_DIR: '.' },
  })
  await app.untilOutput('worker 1 listens')
  const probe = await RawConnection.open({ path: `${app.folder}/http.sock` })
  assert.match((await probe.ask('/'))?.body ?? '', /^\d+$/)
  probe.close()
  assert.deepEqual(await app.stop(), { code: 0, signal: null })
})
