import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { App, copyOfDist, type AppOptions } from './app.js'
import { RawConnection } from './raw-client.js'
import { stage } from './stage.js'

async function started(t: TestContext, options: AppOptions = {}) {
  const service = stage(t, 'library.mjs', { register: false, ...options })
  const app = await service.launch()
  await app.untilOutput('listens on')
  return { ...service, app }
}

void test('handover() adopts by name, runs its hooks when it drains, and exits with 0 on SIGTERM', async (t) => {
  const { app, listener, connect } = await started(t)
  await app.message('ready')
  assert.deepEqual(app.messages[0], {
    type: 'hello',
    version: 1,
    pid: app.pid,
    library: '0.1.0',
    mode: 'library',
  })
  assert.deepEqual(await app.message('listening'), {
    type: 'listening',
    address: `127.0.0.1:${listener.port}`,
    listener: 'http',
  })
  assert.equal((await app.message('status')).text, 'warming up')
  const connection = await connect()
  await connection.ask('/')
  const exit = app.stop()
  await app.message('draining')
  await connection.ask('/')
  connection.close()
  assert.deepEqual(await exit, { code: 0, signal: null })
  assert.match(app.output, /before SIGTERM draining\nafter, open 0\n/)
})

void test('probes() answer by state, and live answers 200 while the service drains', async (t) => {
  const { app, connect } = await started(t, { env: { NEVER_READY: '1' } })
  const statuses = async () => {
    const all: (number | undefined)[] = []
    for (const probe of ['/live', '/ready', '/startup'])
      all.push((await (await connect()).ask(probe))?.status)
    return all
  }
  assert.deepEqual(await statuses(), [200, 503, 503])
  const probes = await Promise.all([connect(), connect(), connect()])
  const sync = await connect()
  await sync.ask('/') // all four were accepted before this request
  const exit = app.stop()
  await app.message('draining')
  const [live, ready, startup] = probes
  const draining = await Promise.all([live.ask('/live'), ready.ask('/ready'), startup.ask('/startup')])
  assert.deepEqual(
    draining.map((response) => [response?.status, response?.body]),
    [
      [200, 'draining\n'],
      [503, 'draining\n'],
      [200, 'draining\n'],
    ],
  )
  for (const connection of [...probes, sync]) connection.close()
  assert.deepEqual(await exit, { code: 0, signal: null })
})

void test('handover() replaces the preload when both are loaded, even from two copies of the package', async (t) => {
  const copy = copyOfDist()
  t.after(() => copy.remove())
  for (const register of [true, { dist: copy.dist }]) {
    const { app, connect } = await started(t, { register })
    await app.message('ready')
    const hellos = app.messages.filter(({ type }) => type === 'hello')
    assert.deepEqual(
      hellos.map((message) => message.type === 'hello' && message.mode),
      ['library'],
    )
    assert.equal((await app.message('listening')).listener, 'http')
    const connection = await connect()
    assert.equal((await connection.ask('/'))?.body, String(app.pid))
    const exit = app.stop()
    await app.message('draining')
    assert.equal((await connection.ask('/'))?.headers.connection, 'close')
    connection.close()
    assert.deepEqual(await exit, { code: 0, signal: null })
    assert.match(app.output, /before SIGTERM draining\nafter, open 0\n/)
  }
})

void test('the channel survives garbage, unknown messages and a restart of the supervisor', async (t) => {
  const { app } = await started(t)
  await app.message('ready')
  app.sendRaw(
    'garbage\n{"type":"welcome","version":9}\n{"type":"sing"}\n{"type":"error","message":"x"}\n[]\n',
  )
  await app.until(() => app.messages.filter(({ type }) => type === 'error').length === 3)
  const errors = app.messages.flatMap((message) => (message.type === 'error' ? [message.unknown] : []))
  assert.deepEqual(errors, [undefined, 'sing', undefined])
  app.sendRaw('x'.repeat(200_000) + '\n')
  await app.until(() => app.messages.filter(({ type }) => type === 'error').length === 4)

  app.messages.length = 0
  app.dropConnections()
  await app.message('ready')
  assert.deepEqual(
    app.messages.map(({ type }) => type),
    ['hello', 'listening', 'adopts', 'status', 'account', 'ready'],
  )
  assert.deepEqual(await app.stop(), { code: 0, signal: null })
})

void test('the channel does not keep a process alive, with or without a supervisor', async (t) => {
  const app = await App.start(t, 'ends-by-itself.mjs', { register: false })
  assert.deepEqual(await app.exited, { code: 0, signal: null })
  const alone = await App.start(t, 'ends-by-itself.mjs', {
    register: false,
    env: { HANDOVER_SOCKET: '/nowhere' },
  })
  assert.deepEqual(await alone.exited, { code: 0, signal: null })
})

void test('the account is reported at most once per second, and its numbers add up', async (t) => {
  const { app, connect } = await started(t)
  await app.message('ready')
  for (let i = 0; i < 20; i++) {
    const connection = await connect()
    await connection.ask('/')
    if (i < 10) connection.close()
  }
  const accounts = () =>
    app.messages.flatMap((message) => (message.type === 'account' ? [message.account] : []))
  await app.until(() => accounts().length > 1)
  const [first, account, ...more] = accounts()
  assert.ok(account)
  assert.equal(first?.accepted, 0, 'one comes with ready')
  assert.deepEqual(more, [])
  assert.deepEqual([account.accepted, account.answered], [20, 20])
  assert.equal(account.accepted, account.endedByPeer + account.endedOrderly + account.open)
})

void test('a socket in HANDOVER_PROBE_DIR leads to this process, and stays open while it drains', async (t) => {
  const { app, connect } = await started(t, { env: { HANDOVER_PROBE_DIR: '.' } })
  const door = `${app.folder}/http.sock`
  const probe = await RawConnection.open({ path: door })
  assert.equal((await probe.ask('/live'))?.body, 'ready\n')
  probe.close()
  const connection = await connect()
  connection.get('/flushed/500')
  await connection.until(() => connection.socket.bytesRead > 0)
  const exit = app.stop()
  await app.message('draining')
  const late = await RawConnection.open({ path: door })
  assert.equal((await late.ask('/live'))?.body, 'draining\n')
  late.close()
  connection.close()
  assert.deepEqual(await exit, { code: 0, signal: null })
  assert.equal((await app.message('drained')).account.accepted, 1, 'probes are not in the account')
})

void test('handover() binds and drains when there is no supervisor', async (t) => {
  const app = await App.start(t, 'library.mjs', {
    register: false,
    env: { PORT: '0' },
    unsupervised: true,
  })
  await app.untilOutput('listens on')
  const port = Number(/listens on \[::\]:(\d+)/.exec(app.output)?.[1])
  const connection = await RawConnection.open({ port })
  t.after(() => connection.close())
  assert.equal((await connection.ask('/ready'))?.status, 200)
  connection.get('/slow/200')
  const other = await RawConnection.open({ port })
  await other.ask('/')
  other.close()
  const exit = app.stop()
  await connection.until(() => connection.ended)
  assert.equal(connection.responses[1]?.body, 'slow')
  connection.close()
  assert.deepEqual(await exit, { code: 0, signal: null })
})
