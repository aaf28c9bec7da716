import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test, type TestContext } from 'node:test'
import zlib from 'node:zlib'
import { CountingSession } from '@handover/testkit'
import { stage } from './stage.js'

const orderly = { code: 0, signal: null }
const restart = { code: 1012, reason: 'Service Restart' }

async function session(t: TestContext, url: string, options: object = {}): Promise<CountingSession> {
  const opened = await CountingSession.open(url, [], options)
  t.after(() => opened.ws.terminate())
  return opened
}

for (const path of ['/ticks', '/fragments', '/slow-frame', '/silent']) {
  void test(`register ends a WebSocket of any implementation with a Close frame: ${path}`, async (t) => {
    const service = stage(t, 'websocket-bare.cjs', { env: { HANDOVER_DRAIN_SECONDS: '2' } })
    const app = await service.start()
    const client = await session(t, `ws://127.0.0.1:${service.port}${path}`)
    if (path !== '/silent' && path !== '/fragments') await once(client.ws, 'message')
    assert.deepEqual(await app.stop(), orderly)
    await client.until(() => client.closed !== null)
    assert.deepEqual([client.closed, client.faults], [restart, []])
    const { account, cut } = await app.message('drained')
    assert.deepEqual([cut, account.endedOrderly, account.endedAtDeadline], [[], 1, 0])
  })
}

void test('a WebSocket client sees a cut when no Close frame is sent (control)', async (t) => {
  const service = stage(t, 'websocket-bare.cjs')
  const app = await service.start()
  const client = await session(t, `ws://127.0.0.1:${service.port}/ticks`)
  app.signal('SIGKILL')
  await client.until(() => client.closed !== null)
  assert.equal(client.closed?.code, 1006)
})

void test('register spreads the Close frames of many clients over the drain', async (t) => {
  const service = stage(t, 'websocket.mjs')
  const app = await service.start()
  const clients = await Promise.all(
    Array.from({ length: 50 }, () => session(t, `ws://127.0.0.1:${service.port}/`)),
  )
  const closedAt: number[] = []
  for (const { ws } of clients) ws.on('close', () => closedAt.push(performance.now()))
  assert.deepEqual(await app.stop(), orderly)
  await Promise.all(clients.map((client) => client.until(() => client.closed !== null)))
  for (const { closed } of clients) assert.deepEqual(closed, restart)
  // 50 clients, 10 ms each: half a second.
  assert.ok(Math.max(...closedAt) - Math.min(...closedAt) > 300)
  assert.equal((await app.message('drained')).account.endedOrderly, 50)
})

void test('a client that never answers the Close frame does not delay the drain', async (t) => {
  const service = stage(t, 'websocket-bare.cjs', { env: { HANDOVER_DRAIN_SECONDS: '1' } })
  const app = await service.start()
  const socket = net.connect(service.port, '127.0.0.1')
  t.after(() => socket.destroy())
  const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13'
  socket.write(
    `GET /silent HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${key}\r\n\r\n`,
  )
  let received = Buffer.alloc(0)
  socket.on('data', (chunk) => (received = Buffer.concat([received, chunk])))
  await once(socket, 'data')
  assert.deepEqual(await app.stop(), orderly)
  if (!socket.closed) await once(socket, 'close')
  assert.equal(received.subarray(-19).toString('latin1'), '\x88\x11\x03\xf4Service Restart')
  const { account, cut } = await app.message('drained')
  assert.deepEqual([cut, account.endedOrderly], [[], 1])
})

for (const [name, env, scheme] of [
  ['permessage-deflate', { DEFLATE: '1' }, 'ws'],
  ['TLS', { TLS: '1' }, 'wss'],
  ['exportState() giving undefined', { REFUSE: '/stay' }, 'ws'],
] as const) {
  void test(`webSockets() closes a session with 1012 for ${name}`, async (t) => {
    const service = stage(t, 'websocket-moves.mjs', { register: false, env })
    const old = await service.start()
    const client = await session(t, `${scheme}://127.0.0.1:${service.port}/stay`, {
      perMessageDeflate: name === 'permessage-deflate',
    })
    assert.ok(await client.ask('one'))
    const next = await service.start()
    const exit = name === 'TLS' ? old.stop() : old.handOverTo(next)
    await client.until(() => client.closed !== null)
    assert.deepEqual([client.closed, client.faults], [restart, []])
    assert.deepEqual(await exit, orderly)
    const { account, cut } = await old.message('drained')
    assert.deepEqual([cut, account.endedOrderly, account.handedOver], [[], 1, 0])
    assert.match(old.output, /closed \/stay 1012/)
  })
}

void test('webSockets() moves no session to a successor that can receive none', async (t) => {
  const service = stage(t, 'websocket-moves.mjs', { register: false })
  const old = await service.start()
  const client = await session(t, `ws://127.0.0.1:${service.port}/`)
  assert.ok(await client.ask('one'))
  const { port } = service
  const next = await service.start({ env: { NAME: 'other', PORT: String(port) } })
  const exit = old.handOverTo(next)
  await client.until(() => client.closed !== null)
  assert.deepEqual([client.closed, client.faults], [restart, []])
  assert.deepEqual(await exit, orderly)
  assert.equal(next.account?.adopted ?? 0, 0)
})

/** The body of a chunked response, as it arrives. */
class EventReader {
  readonly socket: net.Socket
  text = ''
  constructor(port: number, path: string) {
    this.socket = net.connect(port, '127.0.0.1').setEncoding('latin1')
    this.socket.on('data', (chunk: string) => (this.text += chunk)).on('error', () => {})
    this.socket.write(`GET ${path} HTTP/1.1\r\nHost: test\r\n\r\n`)
  }

  async until(pattern: RegExp, timeoutMs = 10_000): Promise<void> {
    const deadline = AbortSignal.timeout(timeoutMs)
    while (!pattern.test(this.text)) await once(this.socket, 'data', { signal: deadline })
  }

  /** The body without the chunked coding. Fails if the coding is incomplete. */
  get body(): string {
    let rest = this.text.slice(this.text.indexOf('\r\n\r\n') + 4)
    let body = ''
    for (;;) {
      const end = rest.indexOf('\r\n')
      const size = parseInt(rest.slice(0, end), 16)
      assert.ok(size >= 0, `no chunk at ${JSON.stringify(rest.slice(0, 40))}`)
      if (size === 0) return body
      body += rest.slice(end + 2, end + 2 + size)
      rest = rest.slice(end + 2 + size + 2)
    }
  }
}

for (const path of [
  'explicit',
  'implicit',
  'coding-none',
  'from-web',
  'to-web',
  'pipe-iterable',
  'fetch',
  'piped',
].map((way) => `/${way}`)) {
  void test(`register ends an event stream after an event, and moves its connection: ${path}`, async (t) => {
    const service = stage(t, 'event-stream.cjs')
    const old = await service.start()
    const reader = new EventReader(service.port, path)
    t.after(() => reader.socket.destroy())
    await reader.until(/data: 3\n\n/)
    const next = await service.start()
    const exit = old.handOverTo(next)
    await reader.until(/\r\n0\r\n\r\n$/)
    const events = reader.body.split('\n\n')
    assert.equal(events.pop(), '')
    const retry = Number(/^retry: (\d+)$/.exec(events.pop() ?? '')?.[1])
    assert.ok(retry >= 1000 && retry <= 3000, `retry is ${retry}`)
    events.forEach((event, n) => assert.equal(event, `id: ${n}\ndata: ${n}\ndata: ${n}`))
    assert.deepEqual(await exit, orderly)
    const { account, cut } = await old.message('drained')
    assert.deepEqual([cut, account.answered, account.handedOver], [[], 1, 1])
    assert.match(old.output, /stream closed/)
    reader.socket.write('GET /plain HTTP/1.1\r\nHost: test\r\n\r\n')
    await reader.until(/plain$/)
  })
}

void test('register ends a response that middleware compresses, after an event', async (t) => {
  const app = await stage(t, 'event-stream.cjs').start()
  const port = Number(/:(\d+)$/.exec((await app.message('listening')).address)?.[1])
  const reader = new EventReader(port, '/middleware')
  t.after(() => reader.socket.destroy())
  await reader.until(/(\r\n[^]*){20}/)
  const exit = app.stop()
  await reader.until(/\r\n0\r\n\r\n$/)
  const text = zlib.gunzipSync(Buffer.from(reader.body, 'latin1')).toString()
  assert.match(text, /^(id: (\d+)\ndata: \2\ndata: \2\n\n)+retry: \d+\n\n$/)
  reader.socket.end()
  assert.deepEqual(await exit, orderly)
  assert.deepEqual((await app.message('drained')).cut, [])
})

for (const [path, ends] of [
  ['/chunked', 'a chunked response that never ends'],
  ['/gzip', 'a compressed event stream'],
  ['/br', 'a compressed event stream'],
] as const) {
  void test(`register cuts ${ends} at the deadline, and says so: ${path}`, async (t) => {
    const service = stage(t, 'event-stream.cjs', { env: { HANDOVER_DRAIN_SECONDS: '1' } })
    const app = await service.start()
    const reader = new EventReader(service.port, path)
    t.after(() => reader.socket.destroy())
    await reader.until(/(\r\n[^]*){20}/)
    assert.deepEqual(await app.stop(), orderly)
    const { account, cut } = await app.message('drained')
    assert.equal(account.endedAtDeadline, 1)
    assert.equal(cut.length, 1)
    assert.match(cut[0] ?? '', new RegExp(`^GET ${path} \\d+\\.\\d s, inside its response$`))
  })
}

void test('register ends an event stream inside an event that never ends, and reports it as cut', async (t) => {
  const service = stage(t, 'event-stream.cjs', { env: { HANDOVER_DRAIN_SECONDS: '1' } })
  const app = await service.start()
  const reader = new EventReader(service.port, '/never-whole')
  t.after(() => reader.socket.destroy())
  await reader.until(/data: 3\n/)
  const exit = app.stop()
  await reader.until(/\r\n0\r\n\r\n$/)
  assert.doesNotMatch(reader.body, /retry/)
  reader.socket.end()
  assert.deepEqual(await exit, orderly)
  const { account, cut } = await app.message('drained')
  assert.equal(account.endedAtDeadline, 1)
  assert.match(cut.join(), /^GET \/never-whole \d+\.\d s, inside its response$/)
})
