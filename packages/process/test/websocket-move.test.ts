import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test, type TestContext } from 'node:test'
import { descriptorCalls } from '../dist/system/descriptors.js'
import { descriptorOf } from '../dist/node/handle.js'
import { loadKoffi } from '../dist/system/koffi.js'
import { think } from './raw-client.js'
import { assertBalanced, stage } from './stage.js'
import { CountingSession } from '@handover/testkit'

const orderly = { code: 0, signal: null }
const fixture = 'websocket-moves.mjs'
const library = { register: false }

const address = (port: number, path = '/') => `ws://127.0.0.1:${port}${path}`

const upgrades = 3

/** Sends until `stop`: short messages, long ones and fragments; without a pause unless `calm`. */
async function converse(session: CountingSession, stop: () => boolean, calm: () => boolean): Promise<void> {
  for (let n = 1; !stop(); n++) {
    const text = n % 7 === 0 ? 'x'.repeat(70_000 + n) : `message ${n}`
    if (!(await session.ask(text, n % 5 === 0 ? 3 : 1))) return
    if (calm()) await think(100)
  }
}

for (const [name, env] of [
  ['answers at once', {}],
  ['answers after a while, and exports when it has', { SLOW: '3' }],
  ['defers its events', { SYNC: 'no' }],
] as const) {
  void test(`webSockets() moves busy sessions of an application that ${name}`, async (t) => {
    const service = stage(t, fixture, { ...library, env })
    let current = await service.start()
    const sessions = await Promise.all(
      Array.from({ length: 20 }, () => CountingSession.open(address(service.port), ['a', 'b'])),
    )
    t.after(() => sessions.forEach(({ ws }) => ws.terminate()))
    let stop = false
    let starting = false
    const talks = sessions.map((session) =>
      converse(
        session,
        () => stop,
        () => starting,
      ),
    )
    const answeredOnceMore = () => {
      const answered = sessions.map((session) => session.answered)
      return Promise.all(
        sessions.map((session, index) =>
          session.until(() => session.answered > (answered[index] ?? 0) || session.closed !== null),
        ),
      )
    }
    for (let upgrade = 0; upgrade < upgrades; upgrade++) {
      // Clients without a pause would take the time that the instance needs to start.
      starting = true
      const next = await service.start()
      starting = false
      await answeredOnceMore()
      assert.deepEqual(await current.handOverTo(next), orderly)
      assertBalanced(current)
      assert.equal(current.account?.handedOver, 20)
      assert.equal(current.output, '')
      current = next
      await answeredOnceMore()
    }
    stop = true
    await Promise.all(talks)
    for (const session of sessions) {
      assert.deepEqual([session.faults, session.closed], [[], null])
      assert.ok(session.pids.size >= upgrades)
    }
    t.diagnostic(`${sessions.reduce((total, { answered }) => total + answered, 0)} messages answered`)
  })
}

void test('a session returns when its successor dies before the acknowledgement, and moves to another one', async (t) => {
  const service = stage(t, fixture, library)
  const old = await service.start()
  const sessions = await Promise.all(
    Array.from({ length: 10 }, () => CountingSession.open(address(service.port))),
  )
  t.after(() => sessions.forEach(({ ws }) => ws.terminate()))
  await Promise.all(sessions.map((session) => session.ask('here')))
  const next = await service.start()
  // It receives everything, does not acknowledge it, and exits. Its descriptors are closed.
  let batches = 0
  const dying = net
    .createServer((socket) => {
      socket.on('error', () => {}).write('{"version":1,"open":0,"webSockets":[""]}\n')
      socket.once('data', () => {
        batches++
        const sent = sessions.map(
          ({ ws }) => new Promise((resolve) => ws.send('while it is on its way', resolve)),
        )
        void Promise.all(sent).then(() => socket.destroy())
      })
    })
    .listen(`${old.folder}/dying`)
  t.after(() => dying.close())
  await once(dying, 'listening')
  const { path } = await next.message('adopts')
  old.sendRaw(JSON.stringify({ type: 'successors', sockets: [`${old.folder}/dying`, path] }) + '\n')
  const answers = sessions.map(({ ws }) => once(ws, 'message'))
  assert.deepEqual(await old.stop(), orderly)
  assert.equal(batches, 1)
  const all = await Promise.all(answers)
  for (const [data] of all) assert.equal((JSON.parse(String(data)) as { count: number }).count, 2)
  assertBalanced(old)
  assert.equal(old.account?.handedOver, 10)
  assert.ok(sessions.every(({ closed, faults }) => closed === null && faults.length === 0))
})

void test('a session is closed with 1012 when the successor would answer its handshake differently', async (t) => {
  const service = stage(t, fixture, library)
  const old = await service.start()
  const session = await CountingSession.open(address(service.port), ['b'])
  t.after(() => session.ws.terminate())
  assert.ok(await session.ask('one'))
  const next = await service.start({ env: { PROTOCOLS: 'no' } })
  const exit = old.handOverTo(next)
  await session.until(() => session.closed !== null)
  assert.equal(session.closed?.code, 1012)
  assert.deepEqual(await exit, orderly)
  assert.deepEqual([old.account?.endedOrderly, old.account?.handedOver], [1, 0])
  assert.equal(next.account?.adopted ?? 0, 0)
})

void test('the beginning of a frame moves with its session', async (t) => {
  const service = stage(t, fixture, library)
  let sender = await service.start()
  // Text, final, 300 bytes, masked with zeros.
  const frame = Buffer.concat([Buffer.from('81fe012c00000000', 'hex'), Buffer.alloc(300, 'x')])
  const cuts = [1, 2, 3, 7, 8, 9, 200, 307]
  const sockets = await Promise.all(cuts.map(() => rawSession(t, service.port)))
  // The second time, each session has another cut, and is one that was received.
  for (const count of [1, 2]) {
    const receiver = await service.start()
    const cutOf = (index: number) => cuts[(index + count) % cuts.length]
    sockets.forEach((socket, index) => socket.write(frame.subarray(0, cutOf(index))))
    assert.deepEqual(await sender.handOverTo(receiver), orderly)
    assert.equal(sender.account?.handedOver, cuts.length)
    sender = receiver
    for (const [index, socket] of sockets.entries()) {
      const answered = once(socket, 'data')
      socket.write(frame.subarray(cutOf(index)))
      const [answer] = (await answered) as [Buffer]
      const session = JSON.parse(answer.subarray(answer.indexOf('{')).toString()) as Record<string, number>
      assert.deepEqual([session.count, session.length, session.pid], [count, 300, receiver.pid])
    }
  }
})

/** A WebSocket on a plain socket, after its handshake. */
async function rawSession(t: TestContext, port: number): Promise<net.Socket> {
  const socket = net.connect(port, '127.0.0.1')
  t.after(() => socket.destroy())
  const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13'
  socket.write(`GET /raw HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${key}\r\n\r\n`)
  assert.match(String((await once(socket, 'data'))[0]), /^HTTP\/1.1 101 /)
  return socket
}

for (const moved of [
  'null',
  '{"name":""}',
  '{"name":"","protocol":"","unread":"","request":{"url":"/","rawHeaders":[1]}}',
]) {
  void test(`a WebSocket is refused when its predecessor sends ${moved}`, async (t) => {
    const app = await stage(t, fixture, library).start()
    const { path } = await app.message('adopts')
    const [mine, theirs] = await pair(t)
    const calls = descriptorCalls(loadKoffi() ?? assert.fail('koffi is not installed'))
    const socket = net.connect(path)
    t.after(() => socket.destroy())
    await once(socket, 'data')
    const batch = `{"version":1,"batch":1,"moved":[{"listener":"http","fresh":false,"requests":1,"webSocket":${moved}}]}\n`
    const acknowledged = once(socket, 'data')
    calls.send(descriptorOf(socket), Buffer.from(batch), [descriptorOf(theirs)])
    assert.deepEqual(JSON.parse(String((await acknowledged)[0])), { batch: 1, refused: [0] })
    theirs.destroy()
    await once(mine.resume(), 'end') // the last copy of the other end was closed
    assert.equal(app.output, '')
  })
}

async function pair(t: TestContext): Promise<[net.Socket, net.Socket]> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const accepted = once(server, 'connection')
  const mine = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1')
  const [theirs] = (await accepted) as [net.Socket]
  t.after(() => server.close() && mine.destroy() && theirs.destroy())
  return [mine, theirs]
}
