import assert from 'node:assert/strict'
import { once } from 'node:events'
import { get } from 'node:http'
import { test, type TestContext } from 'node:test'
import { within } from '@handover/testkit'
import { io, type Socket } from 'socket.io-client'
import { stage } from './stage.js'

const orderly = { code: 0, signal: null }

interface Who {
  pid: number
  recovered: boolean
}

async function connected(t: TestContext, port: number, transports: string[]): Promise<Socket> {
  const socket = io(`http://127.0.0.1:${port}`, { transports, reconnectionDelay: 50, forceNew: true })
  t.after(() => socket.disconnect())
  await connection(socket)
  return socket
}

const connection = (socket: Socket) =>
  within(new Promise<void>((resolve) => socket.once('connect', () => resolve())), 'a connection')

const who = (socket: Socket) => socket.timeout(5000).emitWithAck('who') as Promise<Who>

for (const [transports, reason] of [
  [['websocket'], 'transport close'],
  [['polling', 'websocket'], 'transport close'],
  [['polling'], 'transport error'],
] as const) {
  void test(`a Socket.IO client with ${transports.join(' and ')} reconnects with a new session`, async (t) => {
    const service = stage(t, 'socket-io.mjs')
    const old = await service.start()
    const socket = await connected(t, service.port, [...transports])
    const { io: manager } = socket
    if (transports.length === 2 && manager.engine.transport.name !== 'websocket')
      await within(new Promise((resolve) => manager.engine.once('upgrade', resolve)), 'a WebSocket')
    assert.equal((await who(socket)).pid, old.pid)
    const { id } = socket
    const next = await service.start()
    const reasons: string[] = []
    socket.on('disconnect', (why) => reasons.push(why))
    const back = connection(socket)
    assert.deepEqual(await old.handOverTo(next), orderly)
    await back
    assert.deepEqual(await who(socket), { pid: next.pid, recovered: false })
    assert.notEqual(socket.id, id)
    assert.deepEqual(reasons, [reason])
    const { account, cut } = await old.message('drained')
    assert.deepEqual([cut, account.endedAtDeadline], [[], 0])
    assert.match(old.output, /disconnected: (transport|forced) close/)
  })
}

void test('a polling Socket.IO session is unknown to the other replicas', async (t) => {
  const service = stage(t, 'socket-io.mjs')
  const first = await service.start()
  const handshake = await body(service.port, '/socket.io/?EIO=4&transport=polling')
  const { sid } = JSON.parse(handshake.slice(1)) as { sid: string }
  const second = await service.start()
  await first.stop()
  assert.equal(
    await body(service.port, `/socket.io/?EIO=4&transport=polling&sid=${sid}`),
    '{"code":1,"message":"Session ID unknown"}',
  )
  assert.ok(second.pid > 0)
})

async function body(port: number, path: string): Promise<string> {
  const [response] = (await once(get({ port, path, agent: false }), 'response')) as [AsyncIterable<Buffer>]
  let text = ''
  for await (const chunk of response) text += chunk.toString()
  return text
}
