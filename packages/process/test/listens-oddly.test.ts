import assert from 'node:assert/strict'
import { test } from 'node:test'
import { freePort } from '@handover/testkit'
import { App } from './app.js'
import { RawConnection } from './raw-client.js'
import { heldTcp } from './sockets.js'
import { serve } from './stage.js'

for (const [WAY, output] of [
  ['on descriptor 3', ''],
  ['after a throw-away server on the same port', ''],
  ['beside a server whose address is not found', 'the other server: ENOTFOUND'],
] as const) {
  void test(`an application that listens ${WAY} is ready when it serves, and drains`, async (t) => {
    const { app, connect } = await serve(t, 'listens-oddly.cjs', { register: 'bundle', env: { WAY } })
    assert.ok(app.output.includes(output), app.output)
    const connection = await connect()
    assert.equal((await connection.ask('/'))?.body, String(app.pid))
    const ended = app.stop()
    await app.message('draining')
    assert.equal((await connection.ask('/'))?.headers.connection, 'close')
    assert.deepEqual(await ended, { code: 0, signal: null }, app.output)
    const { account, cut } = await app.message('drained')
    assert.deepEqual([account.accepted, account.answered, cut], [1, 2, []])
  })
}

void test('the name of a listener does not depend on a throw-away server before it', async (t) => {
  const WAY = 'after a throw-away server on the same port'
  const env = { WAY, HANDOVER_DISCOVER: 'new', PORT: String(await freePort()) }
  const app = await App.start(t, 'listens-oddly.cjs', { register: 'bundle', env })
  await app.message('ready')
  const { listeners } = await app.message('bound')
  assert.deepEqual(
    listeners.map(({ name }) => name),
    ['http'],
  )
})

for (const [host, warns] of [
  ['127.0.0.1', true],
  ['0.0.0.0', false],
] as const) {
  void test(`an application that asks for ${host} sees IPv4 addresses on a listener of every address`, async (t) => {
    const listener = heldTcp('::')
    t.after(() => listener.close())
    const app = await App.start(t, 'listens-oddly.cjs', {
      register: 'bundle',
      listeners: { http: listener },
      env: { WAY: 'on HOST', HOST: host, PORT: String(listener.port) },
    })
    await app.message('ready')
    const connection = await RawConnection.open({ port: listener.port })
    t.after(() => connection.close())
    const seen = JSON.parse((await connection.ask('/addresses'))?.body ?? '') as Record<string, unknown>
    assert.deepEqual([seen.remoteAddress, seen.remoteFamily], ['127.0.0.1', 'IPv4'])
    assert.equal(app.output.includes('which more clients can reach'), warns, app.output)
  })
}
