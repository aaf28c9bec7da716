import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test, type TestContext } from 'node:test'
import { serve } from './stage.js'

const started = (t: TestContext, env: Record<string, string> = {}) => serve(t, 'tcp.cjs', { env })

async function echo(socket: net.Socket, text: string): Promise<string> {
  socket.write(text)
  const [data] = (await once(socket, 'data')) as [Buffer]
  return String(data)
}

void test('drain leaves a raw TCP connection open until its peer ends it', async (t) => {
  const { app, port } = await started(t)
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
  const { app, port } = await started(t, { HANDOVER_DRAIN_SECONDS: '1' })
  const socket = net.connect(port, '127.0.0.1')
  t.after(() => socket.destroy())
  assert.equal(await echo(socket, 'one'), 'one')
  const ended = once(socket, 'end')
  assert.deepEqual(await app.stop(), { code: 0, signal: null })
  await ended
  assert.deepEqual((await app.message('drained')).cut, ['tcp connection'])
})
