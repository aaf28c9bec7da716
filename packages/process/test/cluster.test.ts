import assert from 'node:assert/strict'
import { test } from 'node:test'
import { App } from './app.js'
import { RawConnection } from './raw-client.js'
import { heldTcp } from './sockets.js'

for (const [policy, env] of [
  ['round robin', {}],
  ['SCHED_NONE', { SCHED_NONE: '1' }],
] as const) {
  void test(`register drains the workers and starts no new one when a cluster uses ${policy}`, async (t) => {
    const listener = heldTcp()
    t.after(() => listener.close())
    const app = await App.start('cluster.cjs', {
      listeners: { http: listener },
      env: { PORT: String(listener.port), ...env },
    })
    t.after(() => app.dispose())
    await app.message('ready')
    assert.equal((await app.message('listening')).listener, 'http')
    await app.said('worker 1 listens')
    await app.said('worker 2 listens')
    const slow = await Promise.all(
      Array.from({ length: 6 }, () => RawConnection.open({ port: listener.port })),
    )
    t.after(() => slow.forEach((connection) => connection.close()))
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

void test('register lets the application replace a worker when nothing drains', async (t) => {
  const listener = heldTcp()
  t.after(() => listener.close())
  const app = await App.start('cluster.cjs', {
    listeners: { http: listener },
    env: { PORT: String(listener.port) },
  })
  t.after(() => app.dispose())
  await app.said('worker 2 listens')
  const connection = await RawConnection.open({ port: listener.port })
  const response = await connection.ask('/')
  connection.close()
  process.kill(Number(response?.body), 'SIGKILL')
  await app.said('again')
  await app.said('worker 3 listens')
  assert.deepEqual(await app.stop(), { code: 0, signal: null })
})
