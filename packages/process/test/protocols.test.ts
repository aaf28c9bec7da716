import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test, type TestContext } from 'node:test'
import { App } from './app.js'
import { heldTcp } from './sockets.js'

async function started(t: TestContext, fixture: string, env: Record<string, string> = {}) {
  const listener = heldTcp()
  t.after(() => listener.close())
  const app = await App.start(fixture, {
    listeners: { main: listener },
    env: { PORT: String(listener.port), ...env },
  })
  t.after(() => app.dispose())
  await app.message('ready')
  return { app, port: listener.port }
}

async function echo(socket: net.Socket, text: string): Promise<string> {
  socket.write(text)
  const [data] = (await once(socket, 'data')) as [Buffer]
  return String(data)
}

void test('drain leaves a raw TCP connection open until its peer ends it', async (t) => {
  const { app, port } = await started(t, 'tcp.cjs')
  const socket = net.connect(port, '127.0.0.1')
  t.after(() => socket.destroy())
  assert.equal(await echo(socket, 'one'), 'one')
  const exit = app.stop()
  await app.message('draining')
  assert.equal(await echo(socket, 'two'), 'two')
  socket.end()
  assert.deepEqual(await exit, { code: 0, signal: null })
  const { account, cut } = await app.message('drained')
  assert.deepEqual(cut, [])
  assert.equal(account.endedByPeer, 1)
})

void test('drain ends a raw TCP connection at the deadline, with a FIN', async (t) => {
  const { app, port } = await started(t, 'tcp.cjs', { HANDOVER_DRAIN_SECONDS: '1' })
  const socket = net.connect(port, '127.0.0.1')
  t.after(() => socket.destroy())
  assert.equal(await echo(socket, 'one'), 'one')
  const ended = once(socket, 'end')
  assert.deepEqual(await app.stop(), { code: 0, signal: null })
  await ended
  assert.deepEqual((await app.message('drained')).cut, ['tcp connection'])
})
