import assert from 'node:assert/strict'
import dgram from 'node:dgram'
import { once } from 'node:events'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { Channel } from '../dist/announce/channel.js'
import type { App } from './app.js'
import { serve, stage } from './stage.js'
import { heldUdp } from './sockets.js'

const told = { register: 'bundle', env: { HANDOVER_ACCEPT: 'told' } } as const

const tell = (app: App, accepting: boolean) =>
  app.sendRaw(`${JSON.stringify({ type: 'accept', accepting })}\n`)

/** Resolves when its last answer to `accept` says that. */
const untilAccepting = (app: App, accepting: boolean) =>
  app.until(() => {
    const last = app.messages.findLast((message) => message.type === 'accepting')
    return last?.accepting === accepting
  })

for (const [name, env] of [
  ['http.cjs', {}],
  ['cluster.cjs', {}],
] as const) {
  void test(`${name} accepts when it is told, stops, keeps its connections, and accepts again`, async (t) => {
    const { app, connect } = await serve(t, name, { ...told, env: { ...told.env, ...env } })
    if (name === 'cluster.cjs') for (const worker of [1, 2]) await app.untilOutput(`worker ${worker} listens`)
    const first = await connect()
    first.get('/')
    for (let round = 0; round < 3; round++) {
      tell(app, true)
      await first.until(() => first.responses.length === 1 || first.ended)
      const answered = await connect()
      assert.equal((await answered.ask('/'))?.status, 200)
      tell(app, false)
      await untilAccepting(app, false)
      const waiting = await connect()
      waiting.get('/')
      // What it has keeps being answered, and the one that waits is not.
      for (let asked = 0; asked < 3; asked++) assert.equal((await answered.ask('/'))?.status, 200)
      assert.equal(waiting.responses.length, 0)
      tell(app, true)
      await waiting.until(() => waiting.responses.length === 1 || waiting.ended)
      assert.equal(waiting.responses[0]?.status, 200)
    }
    assert.equal(first.responses[0]?.status, 200)
    tell(app, false)
    await untilAccepting(app, false)
    assert.deepEqual(await app.stop(), { code: 0, signal: null }, app.output)
  })
}

void test('an instance accepts when it is ready if its supervisor does not know how to tell it', async (t) => {
  const { app, connect } = await serve(t, 'http.cjs', told)
  const connection = await connect()
  connection.get('/')
  app.sendRaw('{"type":"welcome","version":1,"instance":"web-1","revision":1}\n')
  await connection.until(() => connection.responses.length === 1 || connection.ended)
  assert.equal(connection.responses[0]?.status, 200)
})

void test('the channel says that it has lost the supervisor after ten seconds without a connection', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const channel = new Channel('/nonexistent/channel', { type: 'ready' } as never, () => {})
  t.after(() => channel.close())
  let lost = 0
  channel.onLost = () => lost++
  t.mock.timers.tick(9_999)
  assert.equal(lost, 0)
  t.mock.timers.tick(1)
  assert.equal(lost, 1)
  await turn()
})

for (const MODE of ['closes', 'unref'] as const) {
  void test(`a process ends as in plain Node when its held server ${MODE === 'unref' ? 'is unref()ed' : 'closes'}`, async (t) => {
    const app = await stage(t, 'held.cjs', told).launch({ env: { MODE } })
    await app.untilOutput('listens')
    assert.deepEqual(await app.exited, { code: 0, signal: null }, app.output)
    if (MODE === 'closes') assert.match(app.output, /closed/)
  })
}

void test('a held server keeps its process alive, and answers when it is told to accept', async (t) => {
  const { app, connect } = await serve(t, 'held.cjs', { ...told, env: { ...told.env, MODE: 'ref' } })
  const connection = await connect()
  tell(app, true)
  await connection.until(() => connection.ended)
  assert.match(connection.ends.join(), /end/)
  assert.deepEqual(await app.stop(), { code: 0, signal: null })
})

void test('a UDP socket reads only while its instance accepts, and sends and keeps the process alive meanwhile', async (t) => {
  const socket = await heldUdp()
  t.after(() => socket.close())
  const { launch, listener } = stage(t, 'udp.cjs', told)
  const app = await launch({
    listeners: { http: listener, dns: socket },
    env: { UDP_PORT: String(socket.port) },
  })
  await app.message('ready')
  const client = dgram.createSocket('udp4')
  t.after(() => client.close())
  for (let round = 0; round < 2; round++) {
    const answer = once(client, 'message')
    client.send(`question ${round}`, socket.port, '127.0.0.1')
    tell(app, true)
    assert.ok(String((await answer)[0]).length > 0)
    tell(app, false)
    await untilAccepting(app, false)
  }
  assert.deepEqual(await app.stop(), { code: 0, signal: null })
})
