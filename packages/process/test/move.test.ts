import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test, type TestContext } from 'node:test'
import { Changes } from '@handover/testkit'
import { RawConnection, requestText } from './raw-client.js'
import { assertBalanced, idle, patient, stage } from './stage.js'

const orderly = { code: 0, signal: null }

for (const fixture of ['http.cjs', 'express.cjs', 'fastify.mjs', 'koa.mjs', 'hono.mjs']) {
  void test(`register moves idle and busy connections of ${fixture} to the successor`, async (t) => {
    const service = stage(t, fixture)
    const old = await service.start()
    const [idler, busy] = await idle(service, old, 2)
    assert.ok(idler && busy)
    const next = await service.start()
    busy.get('/slow/300')
    await busy.until(() => busy.socket.bytesWritten > 0)
    await idler.ask('/') // everything written before was read before this request
    const exit = old.handOverTo(next)
    await next.until(() => next.account?.adopted === 1)
    assert.equal((await idler.ask('/'))?.body, String(next.pid))
    await busy.until(() => busy.responses.length === 2 || busy.ended)
    assert.equal(busy.responses[1]?.body, 'slow')
    assert.notEqual(busy.responses[1]?.headers.connection, 'close')
    assert.deepEqual(await exit, orderly)
    assert.equal((await busy.ask('/'))?.body, String(next.pid))
    assert.deepEqual([...idler.ends, ...busy.ends], [])
    const { account } = await old.message('drained')
    assert.deepEqual([account.accepted, account.handedOver, account.open], [2, 2, 0])
    await next.until(() => next.account?.adopted === 2)
  })
}

void test('handover() moves idle and busy connections, and keeps their remote address', async (t) => {
  const service = stage(t, 'library.mjs', { register: false })
  const old = await service.start()
  const [connection] = await idle(service, old, 1)
  assert.ok(connection)
  const next = await service.start()
  assert.deepEqual(await old.handOverTo(next), orderly)
  assert.equal((await connection.ask('/remote'))?.body, `127.0.0.1:${connection.socket.localPort}`)
})

void test('a drain moves connections again when they were received and not used since', async (t) => {
  const service = stage(t, 'http.cjs', { register: 'bundle' })
  const [first, second] = [await service.start(), await service.start()]
  const connections = await Promise.all(Array.from({ length: 10 }, service.connect))
  for (const connection of connections) await connection.ask('/')
  assert.deepEqual(await first.handOverTo(second), orderly)
  const third = await service.start()
  assert.deepEqual(await second.handOverTo(third), orderly)
  for (const connection of connections) {
    assert.equal((await connection.ask('/'))?.body, String(third.pid))
    assert.deepEqual(connection.ends, [])
  }
})

void test('a drain distributes connections over all successors', async (t) => {
  const service = stage(t, 'tuned.cjs', patient)
  const old = await service.start()
  const connections = await idle(service, old, 60)
  const successors = [await service.start(), await service.start(), await service.start()]
  assert.deepEqual(await old.handOverTo(...successors), orderly)
  for (const { account } of successors) assert.equal(account?.adopted, 20)
  for (const connection of connections) assert.equal((await connection.ask('/'))?.status, 200)
})

void test('a drain moves 1,000 idle connections, and the successor answers each', async (t) => {
  const service = stage(t, 'tuned.cjs', patient)
  const old = await service.start()
  const connections: RawConnection[] = []
  while (connections.length < 1000) connections.push(...(await idle(service, old, 100)))
  const next = await service.start()
  assert.deepEqual(await old.handOverTo(next), orderly)
  const { account, seconds } = await old.message('drained')
  assert.equal(account.handedOver, 1000)
  assert.ok(connections.every(({ ended }) => !ended))
  const answers = await Promise.all(connections.map((connection) => connection.ask('/')))
  assert.ok(answers.every((answer) => answer?.body === String(next.pid)))
  t.diagnostic(`1,000 connections in ${(seconds * 1000).toFixed(0)} ms`)
})

void test('a request in pieces is answered by exactly one process', async (t) => {
  const service = stage(t, 'http.cjs')
  const old = await service.start()
  const [halfHere] = await idle(service, old, 1)
  const untouched = await service.connect()
  assert.ok(halfHere)
  const half = requestText('/').slice(0, 12)
  halfHere.write(half)
  const marker = await service.connect()
  await marker.ask('/') // everything written before was read before this request
  const next = await service.start()
  const exit = old.handOverTo(next)
  await next.until(() => (next.account?.adopted ?? 0) >= 2) // the silent one and the marker
  untouched.write(half)
  halfHere.write(requestText('/').slice(12))
  untouched.write(requestText('/').slice(12))
  await halfHere.until(() => halfHere.responses.length === 2)
  await untouched.until(() => untouched.responses.length === 1)
  assert.equal(halfHere.responses[1]?.body, String(old.pid))
  assert.equal(untouched.responses[0]?.body, String(next.pid))
  assert.deepEqual(await exit, orderly)
  assert.equal((await halfHere.ask('/'))?.body, String(next.pid))
})

void test('a received connection gets no 408 while it is idle, and is closed by its keep-alive timeout', async (t) => {
  const OPTIONS = JSON.stringify({
    headersTimeout: 100,
    requestTimeout: 100,
    connectionsCheckingInterval: 20,
    keepAliveTimeout: 1500,
    keepAliveTimeoutBuffer: 0,
  })
  const service = stage(t, 'tuned.cjs', { register: 'bundle', env: { OPTIONS } })
  const old = await service.start()
  const [connection] = await idle(service, old, 1)
  const next = await service.start()
  assert.deepEqual(await old.handOverTo(next), orderly)
  const moved = performance.now()
  assert.ok(connection)
  await connection.until(() => connection.ended)
  const waited = performance.now() - moved
  assert.ok(waited > 1200, `closed after ${waited} ms`)
  assert.deepEqual([connection.responses.length, connection.ends[0]], [1, 'end'])
  await next.until(() => next.account?.endedOrderly === 1)
})

void test('maxRequestsPerSocket includes the requests that a predecessor has answered', async (t) => {
  const OPTIONS = JSON.stringify({ maxRequestsPerSocket: 3 })
  const service = stage(t, 'tuned.cjs', { register: 'bundle', env: { OPTIONS } })
  const old = await service.start()
  const [connection] = await idle(service, old, 1)
  const next = await service.start()
  assert.deepEqual(await old.handOverTo(next), orderly)
  const [second, third] = [await connection?.ask('/'), await connection?.ask('/')]
  assert.deepEqual([second?.headers.connection, third?.headers.connection], ['keep-alive', 'close'])
})

void test('a connection without a request moves, and the time limit for its first request continues', async (t) => {
  // Longer than the start of the successor.
  const OPTIONS = JSON.stringify({
    headersTimeout: 4000,
    requestTimeout: 4000,
    connectionsCheckingInterval: 20,
    keepAliveTimeout: 20,
  })
  const service = stage(t, 'tuned.cjs', { register: 'bundle', env: { OPTIONS, TELL: '1' } })
  const old = await service.start()
  const socket = net.connect(service.port, '127.0.0.1')
  t.after(() => socket.destroy())
  await once(socket, 'connect')
  await old.untilOutput(`connection ${socket.localPort}`)
  const next = await service.start()
  assert.deepEqual(await old.handOverTo(next), orderly)
  await next.untilOutput(`connection ${socket.localPort}`)
  const [answer] = (await once(socket, 'data', { signal: AbortSignal.timeout(10_000) })) as [Buffer]
  assert.match(String(answer), /^HTTP\/1.1 408 /)
})

/** A successor that receives connections and never acknowledges them. */
async function deafSuccessor(t: TestContext, folder: string) {
  const server = net.createServer((socket) => socket.write('{"version":1,"open":0}\n'))
  const links: net.Socket[] = []
  const events = new Changes()
  let received = ''
  server.on('connection', (socket) => {
    links.push(socket)
    socket.on('data', (chunk) => {
      received += String(chunk)
      events.changed()
    })
  })
  const sent = () => received.split('"fresh"').length - 1
  /** Resolves when `count` connections were sent. */
  const delivered = (count: number): Promise<void> =>
    events.until(
      () => sent() >= count,
      () => `${count} connections sent, not ${sent()}`,
    )
  const path = `${folder}/deaf.sock`
  server.listen(path)
  await once(server, 'listening')
  const die = () => {
    server.close()
    for (const link of links) link.destroy()
  }
  t.after(die)
  return { path, delivered, die }
}

void test('connections return to the old process when the successor dies before it has acknowledged them', async (t) => {
  const service = stage(t, 'tuned.cjs', patient)
  const old = await service.start()
  const connections = await idle(service, old, 300)
  const successor = await deafSuccessor(t, old.folder)
  old.sendRaw(JSON.stringify({ type: 'successors', sockets: [successor.path] }) + '\n')
  const exit = old.stop()
  await successor.delivered(300)
  for (const connection of connections) connection.get('/')
  successor.die()
  for (const connection of connections) {
    await connection.until(() => connection.responses.length === 2 || connection.ended)
    assert.equal(connection.responses[1]?.body, String(old.pid))
    assert.equal(connection.responses[1]?.headers.connection, 'close')
  }
  assert.deepEqual(await exit, orderly)
  const { account } = await old.message('drained')
  assert.deepEqual([account.handedOver, account.answered], [0, 600])
})

void test('connections move to another successor when the first one dies', async (t) => {
  const service = stage(t, 'tuned.cjs', patient)
  const old = await service.start()
  const connections = await idle(service, old, 300)
  const dying = await deafSuccessor(t, old.folder)
  const next = await service.start()
  const { path } = await next.message('adopts')
  old.sendRaw(JSON.stringify({ type: 'successors', sockets: [dying.path, path] }) + '\n')
  const exit = old.stop()
  await dying.delivered(100)
  dying.die()
  assert.deepEqual(await exit, orderly)
  const answers = await Promise.all(connections.map((connection) => connection.ask('/')))
  for (const answer of answers) assert.equal(answer?.body, String(next.pid))
  assert.ok(connections.every(({ ended }) => !ended))
})

void test('a killed successor ends only the connections that it has acknowledged', async (t) => {
  const service = stage(t, 'tuned.cjs', patient)
  const old = await service.start()
  const connections = await idle(service, old, 1000)
  const [killed, other] = [await service.start(), await service.start()]
  const exit = old.handOverTo(killed, other)
  await killed.until(() => killed.account !== undefined && killed.account.adopted > 100)
  killed.signal('SIGKILL')
  assert.deepEqual(await exit, orderly)
  await killed.exited
  const answers = await Promise.all(connections.map((connection) => connection.ask('/')))
  const lost = answers.filter((answer) => answer === null).length
  const { account } = await old.message('drained')
  assert.equal(account.accepted, account.handedOver)
  await other.until(() => other.account?.adopted === account.handedOver - lost)
  assert.ok(answers.every((answer) => answer === null || answer.body === String(other.pid)))
  t.diagnostic(`${lost} of 1,000 went down with it`)
})

void test('connections stay until their last request when the successor has no free descriptors', async (t) => {
  const service = stage(t, 'tuned.cjs', patient)
  const old = await service.start()
  const connections = await idle(service, old, 150)
  const next = await service.start({ openFiles: 100 })
  const exit = old.handOverTo(next)
  /** The last response of the old process, or the first one of the new. */
  const lastHere = async (connection: RawConnection) => {
    for (;;) {
      const answer = await connection.ask('/')
      assert.equal(answer?.status, 200)
      if (answer.body === String(next.pid) || answer.headers.connection === 'close') return answer
    }
  }
  const answers = await Promise.all(connections.map(lastHere))
  const [here, there] = [old.pid, next.pid].map((pid) => answers.filter(({ body }) => body === String(pid)))
  assert.ok(here && there && here.length > 0 && there.length > 0)
  assert.equal(here.length + there.length, 150)
  assert.deepEqual(await exit, orderly)
  const { account } = await old.message('drained')
  assert.deepEqual([account.accepted, account.handedOver], [150, there.length])
  await next.until(() => next.account?.adopted === there.length)
  for (const app of [old, next]) assertBalanced(app)
})

void test('a drain without a usable successor ends like one without a successor', async (t) => {
  const service = stage(t, 'http.cjs', { register: 'bundle' })
  const old = await service.start()
  const [connection] = await idle(service, old, 1)
  const babbling = net
    .createServer((socket) => socket.write('{"version":7}\n{"ba\n'))
    .listen(`${old.folder}/b`)
  t.after(() => babbling.close())
  const sockets = [`${old.folder}/b`, '/nowhere', 7]
  old.sendRaw(JSON.stringify({ type: 'successors', sockets }) + '\n{"type":"successors"}\n')
  old.sendRaw(
    JSON.stringify({ type: 'error', message: 'unknown message "adopts"', unknown: 'adopts' }) + '\n',
  )
  old.sendRaw(JSON.stringify({ type: 'successors', sockets }) + '\n')
  const exit = old.stop()
  await old.message('draining')
  assert.equal((await connection?.ask('/'))?.headers.connection, 'close')
  assert.deepEqual(await exit, orderly)
})

void test('garbage on the receiving socket has no effect', async (t) => {
  const service = stage(t, 'http.cjs', { register: 'bundle' })
  const app = await service.start()
  const { path } = await app.message('adopts')
  for (const garbage of ['x\n', '{"version":1,"batch":1,"moved":[{}]}\n', '{"version":2}\n', 'null\n']) {
    const socket = net.connect(path)
    t.after(() => socket.destroy())
    let heard = ''
    socket.setEncoding('utf8').on('data', (chunk) => (heard += String(chunk)))
    socket.on('error', () => {}).end(garbage)
    await once(socket, 'close')
    assert.match(heard, /^{"version":1,"open":\d+}\n({"batch":1,"refused":\[0]}\n)?$/)
  }
  await idle(service, app, 1)
})

void test('a client that has ended its side is answered after its connection has moved', async (t) => {
  const service = stage(t, 'http.cjs', { register: 'bundle' })
  const old = await service.start()
  const [asking, silent] = await idle(service, old, 2)
  const next = await service.start()
  assert.deepEqual(await old.handOverTo(next), orderly)
  assert.ok(asking && silent)
  asking.socket.end(requestText('/').replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'))
  silent.socket.end()
  await Promise.all([asking, silent].map((connection) => connection.until(() => connection.ended)))
  assert.equal(asking.responses[1]?.body, String(next.pid))
  assert.deepEqual([silent.responses.length, silent.ends[0]], [1, 'end'])
  await next.until(() => next.account?.open === 0)
})

void test('connections stay until their last request when handover is false, or after pin()', async (t) => {
  const service = stage(t, 'stateful.mjs', { register: false })
  const old = await service.start()
  const [pinned, free] = await idle(service, old, 2)
  assert.ok(pinned && free)
  await pinned.ask('/pin')
  const next = await service.start({ env: { HANDOVER: 'no' } })
  assert.equal(
    next.messages.some(({ type }) => type === 'adopts'),
    false,
  )
  const other = await service.start()
  const exit = old.handOverTo(other)
  await old.message('draining')
  const last = await pinned.ask('/')
  assert.deepEqual([last?.body, last?.headers.connection], [String(old.pid), 'close'])
  await other.until(() => other.account?.adopted === 1)
  assert.equal((await free.ask('/'))?.body, String(other.pid))
  assert.deepEqual(await exit, orderly)
})

void test('move() decides about one connection, or about each with a function', async (t) => {
  const service = stage(t, 'stateful.mjs', { register: false })
  const old = await service.start()
  const ways = ['/move', '/user/moves', '/user/stays', '/user/somebody', '/user/broken', '/']
  const connections = await idle(service, old, ways.length)
  for (const [n, connection] of connections.entries()) await connection.ask(ways[n] ?? '')
  const next = await service.start()
  const exit = old.handOverTo(next)
  await old.message('draining')
  await next.until(() => next.account?.adopted === 3)
  const answers = await Promise.all(connections.map((connection) => connection.ask('/')))
  assert.deepEqual(
    answers.map((answer) => Number(answer?.body)),
    [next.pid, next.pid, old.pid, old.pid, old.pid, next.pid],
  )
  assert.deepEqual(await exit, orderly)
  assert.match(old.output, /The function given to move\(\) threw: who is that\?/)
})

void test('TLS connections do not move, and end with their last request', async (t) => {
  const service = stage(t, 'https.cjs')
  const old = await service.start()
  const connection = await RawConnection.open({ port: service.port }, true)
  t.after(() => connection.close())
  await connection.ask('/')
  const next = await service.start()
  assert.equal(
    next.messages.some(({ type }) => type === 'adopts'),
    false,
  )
  old.sendRaw('{"type":"successors","sockets":[]}\n')
  const exit = old.stop()
  await old.message('draining')
  assert.equal((await connection.ask('/'))?.headers.connection, 'close')
  assert.deepEqual(await exit, orderly)
})
