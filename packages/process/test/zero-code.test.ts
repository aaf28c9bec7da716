import assert from 'node:assert/strict'
import dgram from 'node:dgram'
import { once } from 'node:events'
import http2 from 'node:http2'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { promisify } from 'node:util'
import { App } from './app.js'
import { RawConnection } from './raw-client.js'
import { heldTcp, heldUnix, type HeldSocket } from './sockets.js'
import { serve } from './stage.js'

const http1Fixtures = [
  ['http.cjs'],
  ['http-esm.mjs'],
  ['express.cjs'],
  ['fastify.mjs'],
  ['koa.mjs'],
  ['hono.mjs'],
  ['next-style.mjs'],
  ['https.cjs', 'tls'],
  ['http2-secure.cjs', 'tls'],
] as const

for (const [fixture, secure] of http1Fixtures) {
  void test(`register adopts the listener and drains on SIGTERM when the application is ${fixture}`, async (t) => {
    const { app, port } = await serve(t, fixture)
    const listening = await app.message('listening')
    assert.equal(listening.listener, 'http')
    const connection = await RawConnection.open({ port }, secure === 'tls')
    t.after(() => connection.close())
    const before = await connection.ask('/')
    assert.equal(before?.body, String(app.pid))
    assert.notEqual(before.headers.connection, 'close')

    connection.get('/slow/300')
    const other = await RawConnection.open({ port }, secure === 'tls')
    t.after(() => other.close())
    await other.ask('/') // /slow was received before this request
    const exit = app.stop()
    await connection.until(() => connection.responses.length === 2 || connection.ended)
    assert.equal(connection.responses[1]?.body, 'slow')
    assert.equal(connection.responses[1].headers.connection, 'close')
    const last = await other.ask('/')
    assert.equal(last?.headers.connection, 'close')
    assert.deepEqual(await exit, { code: 0, signal: null }, app.output)

    const { cut, account } = await app.message('drained')
    assert.deepEqual(cut, [])
    assert.equal(account.accepted, 2)
    assert.equal(account.answered, 4)
    assert.equal(account.endedOrderly + account.endedByPeer, 2)
    assert.equal(account.open, 0)
  })
}

void test('register leaves worker threads alone', async (t) => {
  const { app } = await serve(t, 'thread.cjs')
  assert.match(app.output, /main patched: true[^]*thread patched: false/)
})

void test('register refuses connections to the own port until the application listens there', async (t) => {
  const { app, port, connect } = await serve(t, 'probes-port.cjs')
  assert.equal((await (await connect()).ask('/'))?.body, 'served')
  const refused = (host: string) => `connect ECONNREFUSED ${host}:${port}`
  const [first, localhost, single] = (JSON.parse(app.output.split('\n')[0] ?? '') as { before: string[] })
    .before
  assert.equal(first, `ECONNREFUSED: ${refused('127.0.0.1')}`)
  assert.equal(single, first)
  assert.match(localhost ?? '', new RegExp(`^ECONNREFUSED: .*${refused('127.0.0.1')}`))
  assert.match(app.output, /"after":"connected"/)
})

for (const [fixture, unsupervised] of [
  ['http.cjs', true],
  ['http.cjs', false],
  ['udp.cjs', true],
] as const) {
  const where = unsupervised ? 'alone' : 'under a supervisor'
  void test(`${fixture} ${where} exits as without register when its address is in use`, async (t) => {
    const env: Record<string, string> =
      fixture === 'udp.cjs' ? { UDP_PORT: String(await takenUdpPort(t)) } : { PORT: String(takenTcpPort(t)) }
    const app = await App.start(t, fixture, { unsupervised, env })
    assert.deepEqual(await app.exited, { code: 1, signal: null })
    assert.match(app.output, /Unhandled 'error' event[^]*EADDRINUSE/)
  })
}

function takenTcpPort(t: TestContext): number {
  const { port, close } = heldTcp()
  t.after(close)
  return port
}

async function takenUdpPort(t: TestContext): Promise<number> {
  const socket = dgram.createSocket('udp4').bind(0)
  t.after(() => socket.close())
  await once(socket, 'listening')
  return socket.address().port
}

void test('register adopts a unix path and reports its address when the server listens on it', async (t) => {
  const folder = `/tmp/handover-unix-${process.pid}`
  const { mkdirSync, rmSync } = await import('node:fs')
  mkdirSync(folder, { recursive: true })
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const socketPath = path.join(folder, 'web.sock')
  const listener = heldUnix(socketPath)
  t.after(() => listener.close())
  const app = await App.start(t, 'unix.cjs', {
    listeners: { web: listener },
    env: { SOCKET_PATH: socketPath },
  })
  await app.message('ready')
  const listening = await app.message('listening')
  assert.deepEqual(listening, { type: 'listening', address: `unix:${socketPath}`, listener: 'web' })
  const connection = await RawConnection.open({ path: socketPath })
  t.after(() => connection.close())
  assert.equal((await connection.ask('/'))?.body, String(app.pid))
  const exit = app.stop()
  await app.message('draining')
  assert.equal((await connection.ask('/'))?.headers.connection, 'close')
  assert.deepEqual(await exit, { code: 0, signal: null })
  assert.ok((await import('node:fs')).existsSync(socketPath), 'the path belongs to the supervisor')
})

void test('register adopts each listener by its port and leaves port 0 alone when there are three servers', async (t) => {
  const admin = heldTcp()
  const web = heldTcp()
  t.after(() => [admin, web].forEach((listener: HeldSocket) => listener.close()))
  const app = await App.start(t, 'two-servers.cjs', {
    listeners: { admin, web },
    env: { PORT: String(web.port), ADMIN_PORT: String(admin.port) },
  })
  await app.message('ready')
  await app.untilOutput('both listen')
  const names = app.messages.flatMap((message) => (message.type === 'listening' ? [message.listener] : []))
  assert.deepEqual(names.sort(), ['admin', 'web', undefined])
  const readyAt = app.messages.findIndex(({ type }) => type === 'ready')
  const adminAt = app.messages.findIndex(
    (message) => message.type === 'listening' && message.listener === 'admin',
  )
  assert.ok(adminAt < readyAt, 'ready waits for the server that is started in the callback of the other')
  assert.deepEqual(await app.stop(), { code: 0, signal: null })
})

void test('register reports an unused listener when the application listens elsewhere', async (t) => {
  const used = heldTcp()
  const unused = heldTcp()
  t.after(() => [used, unused].forEach((listener: HeldSocket) => listener.close()))
  const app = await App.start(t, 'http.cjs', {
    listeners: { used, unused },
    env: { PORT: String(used.port) },
  })
  await app.message('ready')
  const { text } = await app.message('status')
  assert.equal(text, `No server listens on "unused" (127.0.0.1:${unused.port})`)
})

void test('register is ready at once when nothing was inherited', async (t) => {
  const app = await App.start(t, 'http.cjs', { env: { PORT: '0' } })
  await app.message('ready')
  const { listener, address } = await app.message('listening')
  assert.equal(listener, undefined)
  assert.match(address, /^\[::\]:\d+$/)
  assert.deepEqual(await app.stop(), { code: 0, signal: null })
})

void test('register hides its variables from the children of the application', async (t) => {
  const { app } = await serve(t, 'children.cjs', {
    env: { HANDOVER_PROBE_DIR: '/tmp', NOTIFY_SOCKET: '/x' },
  })
  await app.untilOutput('child sees')
  assert.match(app.output, /child sees HANDOVER_DRAIN_SECONDS,HANDOVER_IDLE_SECONDS\n/)
})

for (const [HANDLER, output, code] of [
  ['closes', 'closed well', 0],
  ['exits', 'exits', 3],
  ['lets the process end', 'got SIGTERM 15', 0],
  ['never exits', 'thinks about it', 0],
] as const) {
  void test(`register runs the application's SIGTERM handler after the last answer when it ${HANDLER}`, async (t) => {
    const { app, connect } = await serve(t, 'handlers.cjs', { env: { HANDLER, HANDOVER_DRAIN_SECONDS: '3' } })
    const connection = await connect()
    await connection.ask('/')
    connection.get('/slow/300')
    const other = await connect()
    await other.ask('/')
    other.close()
    const exit = app.stop()
    await app.message('draining')
    assert.equal(app.output.includes(output), false, 'not before the drain is over')
    await connection.until(() => connection.responses.length === 2 || connection.ended)
    assert.equal(connection.responses[1]?.body, 'slow')
    assert.deepEqual(await exit, { code, signal: null })
    assert.ok(app.output.includes(output), app.output)
  })
}

void test('register ends the process at once at a second SIGINT', async (t) => {
  const { app, port } = await serve(t, 'http.cjs')
  const connection = await RawConnection.open({ port })
  t.after(() => connection.close())
  connection.get('/flushed/60000')
  await connection.until(() => connection.socket.bytesRead > 0)
  app.signal('SIGINT')
  await app.message('draining')
  app.signal('SIGINT')
  assert.deepEqual(await app.exited, { code: 130, signal: null })
})

void test('register ends HTTP/2 sessions without losing a stream when it drains', async (t) => {
  for (const fixture of ['http2.cjs', 'http2-secure.cjs']) {
    const { app, port } = await serve(t, fixture)
    const scheme = fixture === 'http2.cjs' ? 'http' : 'https'
    const session = http2.connect(`${scheme}://127.0.0.1:${port}`, { rejectUnauthorized: false })
    t.after(() => session.destroy())
    assert.equal(await h2Get(session, '/'), String(app.pid))
    const slow = h2Get(session, '/slow/300')
    assert.equal(await h2Get(session, '/'), String(app.pid))
    const goaway = once(session, 'goaway')
    const exit = app.stop()
    await goaway
    assert.equal(await slow, 'slow')
    assert.deepEqual(await exit, { code: 0, signal: null })
    const { account, cut } = await app.message('drained')
    assert.deepEqual(cut, [])
    assert.deepEqual([account.accepted, account.answered, account.open], [1, 3, 0])
  }
})

void test('register sends GOAWAY when an HTTP/2 client has read all its responses', async (t) => {
  const { app, port } = await serve(t, 'http2.cjs')
  const session = http2.connect(`http://127.0.0.1:${port}`)
  t.after(() => session.destroy())
  const slow = h2Get(session, '/slow/500')
  assert.equal(await h2Get(session, '/'), String(app.pid)) // the two streams were open at once
  let saidGoodbye = false
  session.once('goaway', () => (saidGoodbye = true))
  const exit = app.stop()
  await app.message('draining')
  await promisify(session.ping.bind(session))()
  assert.equal(saidGoodbye, false)
  let asked = 0
  for (; !saidGoodbye; asked++) assert.equal(await h2Get(session, '/'), String(app.pid))
  // It is sent before the response to the first request during the drain, or after one second.
  assert.ok(asked <= 3, `${asked} requests`)
  assert.equal(await slow, 'slow')
  assert.deepEqual(await exit, { code: 0, signal: null })
})

function h2Get(session: http2.ClientHttp2Session, url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let body = ''
    const stream = session.request({ ':path': url })
    stream.setEncoding('utf8').on('data', (chunk: string) => (body += chunk))
    stream.on('end', () => resolve(body)).on('error', reject)
  })
}
