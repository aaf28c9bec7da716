import assert from 'node:assert/strict'
import { test } from 'node:test'
import { App } from './app.js'
import { RawConnection } from './raw-client.js'
import { heldTcp } from './sockets.js'
import { serve } from './stage.js'

const bySignal = { code: null, signal: 'SIGTERM' }
const orderly = { code: 0, signal: null }

for (const [WAY, exit] of [
  ['raises the signal again', bySignal],
  ['raises it if its handler is the only one', bySignal],
  ['removes all handlers', orderly],
  ['removes every handler of every event', orderly],
  ['takes its handler off', orderly],
  ['takes each handler off', orderly],
] as const) {
  void test(`an application that ${WAY} ends after its last answer, and not later`, async (t) => {
    const env = { WAY, HANDOVER_DRAIN_SECONDS: '60' }
    const { app, connect } = await serve(t, 'ways-to-end.cjs', { register: 'bundle', env })
    const [busy, other] = [await connect(), await connect()]
    busy.get('/slow/300')
    await other.ask('/') // everything written before was read before this request
    other.close()
    const exited = app.stop()
    await busy.until(() => busy.responses.length === 1 || busy.ended)
    assert.equal(busy.responses[0]?.body, 'slow')
    assert.deepEqual(await exited, exit, app.output)
    const { seconds, cut } = await app.message('drained')
    assert.deepEqual(cut, [])
    assert.ok(seconds < 30, `${seconds} s`)
  })
}

for (const [WAY, exit] of [
  ['answers polls and exits', { code: 7, signal: null }],
  ['answers polls and closes', { code: 8, signal: null }],
  ['answers polls and raises the signal again', bySignal],
] as const) {
  void test(`a handler that ${WAY} runs when only requests are left that wait, and cuts none`, async (t) => {
    const env = { WAY, HANDOVER_DRAIN_SECONDS: '60', HANDOVER_PATIENCE_SECONDS: '0.5' }
    const { app, connect } = await serve(t, 'ways-to-end.cjs', { register: 'bundle', env })
    const [poll, slow, other] = [await connect(), await connect(), await connect()]
    poll.get('/poll')
    slow.get('/later')
    await other.ask('/') // everything written before was read before this request
    other.close()
    const exited = app.stop()
    await app.message('draining')
    assert.equal(app.output.includes('handler runs'), false, 'not at once')
    await poll.until(() => poll.responses.length === 1 || poll.ended)
    assert.deepEqual([poll.responses[0]?.body, poll.responses[0]?.headers.connection], ['again', 'close'])
    await slow.until(() => slow.responses.length === 1 || slow.ended)
    assert.equal(slow.responses[0]?.body, 'again')
    assert.deepEqual(await exited, exit, app.output)
    assert.equal(app.output.split('handler runs').length, 2, 'once')
    const { account, cut } = await app.message('drained')
    assert.deepEqual([cut, account.answered, account.open], [[], 3, 0])
  })
}

void test('a handler does not run early while a connection may still get its last request', async (t) => {
  const env = {
    WAY: 'answers polls and closes',
    HANDOVER_DRAIN_SECONDS: '60',
    HANDOVER_IDLE_SECONDS: '2',
    HANDOVER_PATIENCE_SECONDS: '0.2',
  }
  const { app, connect } = await serve(t, 'ways-to-end.cjs', { register: 'bundle', env })
  const [poll, idler] = [await connect(), await connect()]
  poll.get('/poll')
  await idler.ask('/')
  const exited = app.stop()
  await idler.until(() => idler.ended)
  assert.equal(app.output.includes('handler runs'), false)
  await poll.until(() => poll.responses.length === 1 || poll.ended)
  assert.equal(poll.responses[0]?.body, 'again')
  assert.deepEqual(await exited, { code: 8, signal: null })
})

void test("an application that exits at 'close' of one server cuts no request to another", async (t) => {
  const [held, other] = [heldTcp(), heldTcp()]
  t.after(() => [held, other].forEach((listener) => listener.close()))
  const app = await App.start(t, 'ways-to-end.cjs', {
    register: 'bundle',
    listeners: { held, other },
    env: { WAY: "exits at 'close'", PORT: String(held.port), OTHER_PORT: String(other.port) },
  })
  await app.message('ready')
  const [busy, marker] = [
    await RawConnection.open({ port: other.port }),
    await RawConnection.open({ port: other.port }),
  ]
  busy.get('/slow/500')
  await marker.ask('/') // everything written before was read before this request
  marker.close()
  const exited = app.stop()
  await busy.until(() => busy.responses.length === 1 || busy.ended)
  assert.equal(busy.responses[0]?.body, 'slow')
  busy.close()
  assert.deepEqual(await exited, { code: 9, signal: null })
  assert.deepEqual((await app.message('drained')).cut, [])
})
