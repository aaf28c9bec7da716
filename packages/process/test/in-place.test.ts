import assert from 'node:assert/strict'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as later } from 'node:timers/promises'
import { CountingSession, freePort } from '@handover/testkit'
import { App } from './app.js'
import { Balancer } from './balancer.js'
import { keepBusy } from './busy-clients.js'
import { RawConnection, requestText, think } from './raw-client.js'
import { stage } from './stage.js'

const library = { register: false }
const replacements = 3

/** Sends `exec` as a supervisor does. Resolves when the next program is ready. */
async function execute(app: App, how: () => void): Promise<void> {
  const ready = () => app.messages.filter(({ type }) => type === 'ready').length
  const wanted = ready() + 1
  how()
  await app.until(() => ready() >= wanted)
}

const tell = (app: App, order: object = {}) => app.sendRaw(JSON.stringify({ type: 'exec', ...order }) + '\n')

/** An application without a supervisor, on a port that it binds itself. */
async function alone(t: TestContext, env: Record<string, string> = {}): Promise<{ app: App; port: number }> {
  const port = await freePort()
  const options = { ...library, unsupervised: true, env: { PORT: String(port), ...env } }
  const app = await App.start(t, 'in-place.mjs', options)
  await app.untilOutput('ready generation 0')
  return { app, port }
}

const connect = async (t: TestContext, port: number): Promise<RawConnection> => {
  const connection = await RawConnection.open({ port })
  t.after(() => connection.close())
  return connection
}

void test(`exec() ${replacements} times loses no request and no connection of 50 busy clients`, async (t) => {
  const { app, port } = await alone(t)
  const clients = await keepBusy(t, port, 50)
  for (let generation = 1; generation <= replacements; generation++) {
    app.signal('SIGUSR2')
    await app.untilOutput(`ready generation ${generation} pid ${app.pid}\n`)
    await clients.more(200)
  }
  const { answered, failures } = await clients.stop()
  assert.deepEqual(failures, [])
  t.diagnostic(`${answered} requests, ${failures.length} failures`)
})

void test(`register executes an unmodified application again ${replacements} times and loses nothing`, async (t) => {
  const service = stage(t, 'http.cjs', { env: { HANDOVER_EXEC_SIGNAL: 'SIGHUP' } })
  const app = await service.start()
  const clients = await keepBusy(t, service.port, 50)
  for (let generation = 1; generation <= replacements; generation++) {
    await execute(app, () => app.signal('SIGHUP'))
    await clients.more(200)
  }
  const { answered, failures, bodies } = await clients.stop()
  assert.deepEqual(failures, [])
  assert.deepEqual([...bodies], [String(app.pid)])
  const greetings = app.messages.filter(({ type }) => type === 'hello') as { generation?: number }[]
  assert.deepEqual([greetings.length, greetings.at(-1)?.generation], [replacements + 1, replacements])
  t.diagnostic(`${answered} requests, ${failures.length} failures`)
})

void test('exec() carries the account over: the next program has adopted what this one handed over', async (t) => {
  const service = stage(t, 'in-place.mjs', library)
  const app = await service.start()
  const connections = await Promise.all(Array.from({ length: 10 }, service.connect))
  for (const connection of connections) await connection.ask('/')
  await execute(app, () => tell(app))
  const { account } = await app.message('executing')
  assert.deepEqual([account.accepted, account.handedOver, account.open], [10, 10, 0])
  await app.until(() => app.account?.adopted === 10)
  for (const connection of connections) {
    assert.equal((await connection.ask('/gen'))?.body, '1')
    assert.deepEqual(connection.ends, [])
  }
})

void test('exec() applies the new configuration: variables, files, and a folder behind a link', async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'handover-'))
  t.after(() => fs.rmSync(folder, { recursive: true }))
  const CONFIG = path.join(folder, 'config')
  fs.writeFileSync(CONFIG, 'before')
  const service = stage(t, 'in-place.mjs', { ...library, env: { CONFIG, GONE: 'here', COLOUR: 'red' } })
  const app = await service.start()
  const connection = await service.connect()
  const ask = async (what: string) => (await connection.ask(what))?.body
  assert.deepEqual(
    [await ask('/file'), await ask('/env/COLOUR'), await ask('/env/GONE')],
    ['before', 'red', 'here'],
  )
  fs.writeFileSync(CONFIG, 'after')
  await execute(app, () => tell(app, { env: { COLOUR: 'green', GONE: null } }))
  assert.deepEqual(
    [await ask('/file'), await ask('/env/COLOUR'), await ask('/env/GONE')],
    ['after', 'green', 'not set'],
  )
})

for (const [reason, order, code] of [
  ['the program is gone', { argv: ['/nowhere/node', 'x.js'] }, 'ERR_HANDOVER_EXEC'],
  ['the folder is gone', { cwd: '/nowhere' }, 'ERR_HANDOVER_EXEC'],
  ['an argument is no text', { argv: ['node', 1] }, 'ERR_HANDOVER_OPTION'],
] as const) {
  void test(`exec() is refused and the program continues to serve when ${reason}`, async (t) => {
    const service = stage(t, 'in-place.mjs', library)
    const app = await service.start()
    const connection = await service.connect()
    await connection.ask('/')
    tell(app, order)
    const failure = await app.message('execFailed')
    assert.equal(failure.code, code)
    assert.equal((await connection.ask('/gen'))?.body, '0')
    assert.equal((await (await service.connect()).ask('/gen'))?.body, '0')
  })
}

void test('the program continues to serve every connection when execve(2) fails', async (t) => {
  // MAX_ARG_STRLEN of execve(2) is 128 KiB.
  const { app, port } = await alone(t, { EXEC: JSON.stringify({ envSize: 200_000 }) })
  const clients = await keepBusy(t, port, 20)
  for (let times = 1; times <= 3; times++) {
    app.signal('SIGUSR2')
    await app.until(() => app.output.split('could not be executed: E2BIG').length > times)
    await clients.more(100)
  }
  const { failures, bodies } = await clients.stop()
  assert.deepEqual(failures, [])
  assert.deepEqual([...bodies], [String(app.pid)])
  assert.equal(app.output.split('before exec').length, 4)
})

void test('exec() keeps serving while it waits for a slow request, and gives up at its deadline', async (t) => {
  const { app, port } = await alone(t, { EXEC: JSON.stringify({ timeoutSeconds: 1 }) })
  const [slow, other] = [await connect(t, port), await connect(t, port)]
  slow.get('/slow/3000')
  await other.ask('/') // the slow request was received before this one
  app.signal('SIGUSR2')
  const longest = async () => {
    let ms = 0
    while (!app.output.includes('ERR_HANDOVER_EXEC_DEADLINE')) {
      const asked = performance.now()
      assert.equal((await other.ask('/gen'))?.body, '0')
      ms = Math.max(ms, performance.now() - asked)
      await think()
    }
    return ms
  }
  t.diagnostic(`the slowest answer meanwhile took ${(await longest()).toFixed(0)} ms`)
  assert.match(app.output, /ERR_HANDOVER_EXEC_DEADLINE: exec\(\) was given up after 1 s: GET \/slow\/3000 \d/)
  assert.ok(!app.output.includes('before exec'), 'nobody was made to wait')
  await slow.until(() => slow.responses.length === 1)
  assert.equal(slow.responses[0]?.body, 'slow')
  assert.deepEqual([...slow.ends, ...other.ends], [])
})

void test('exec() cuts busy connections at its deadline when cut is set', async (t) => {
  const { app, port } = await alone(t, { EXEC: JSON.stringify({ timeoutSeconds: 0.5, cut: true }) })
  const [slow, other] = [await connect(t, port), await connect(t, port)]
  slow.get('/slow/60000')
  await other.ask('/')
  app.signal('SIGUSR2')
  await app.untilOutput('ready generation 1')
  assert.equal((await other.ask('/gen'))?.body, '1')
  await slow.until(() => slow.ended)
  assert.match(app.output, /exec\(\) cut at its deadline: GET \/slow\/60000/)
})

void test('exec() waits for a short request, a request in pieces, and a connection without a request', async (t) => {
  const { app, port } = await alone(t)
  const [short, halfHere, fresh] = [await connect(t, port), await connect(t, port), await connect(t, port)]
  short.get('/slow/300')
  const half = requestText('/gen').slice(0, 12)
  halfHere.write(half)
  await (await connect(t, port)).ask('/')
  app.signal('SIGUSR2')
  await short.until(() => short.responses.length === 1)
  halfHere.write(requestText('/gen').slice(12))
  await halfHere.until(() => halfHere.responses.length === 1)
  assert.equal(halfHere.responses[0]?.body, '0')
  await app.untilOutput('ready generation 1')
  for (const connection of [short, halfHere, fresh]) {
    assert.equal((await connection.ask('/gen'))?.body, '1')
    assert.deepEqual(connection.ends, [])
  }
})

void test('exec() closes TLS connections with Connection: close, because it cannot keep them', async (t) => {
  const TLS_PORT = String(await freePort())
  const { app, port } = await alone(t, { TLS_PORT })
  const plain = await connect(t, port)
  const secure = await RawConnection.open({ port: Number(TLS_PORT) }, true)
  t.after(() => secure.close())
  assert.equal((await secure.ask('/'))?.headers.connection, 'keep-alive')
  await plain.ask('/')
  app.signal('SIGUSR2')
  while (!secure.ended) {
    const response = await secure.ask('/')
    assert.equal(response?.status, 200)
    if (response.headers.connection === 'close') break
  }
  await app.untilOutput('ready generation 1')
  assert.equal((await plain.ask('/gen'))?.body, '1')
  const again = await RawConnection.open({ port: Number(TLS_PORT) }, true)
  t.after(() => again.close())
  assert.equal((await again.ask('/'))?.status, 200)
})

void test('exec() keeps busy WebSocket sessions with their state', async (t) => {
  const service = stage(t, 'websocket-moves.mjs', { ...library, env: { HANDOVER_EXEC_SIGNAL: 'SIGHUP' } })
  const app = await service.start()
  const url = `ws://127.0.0.1:${service.port}/`
  const sessions = await Promise.all(Array.from({ length: 10 }, () => CountingSession.open(url, ['a', 'b'])))
  t.after(() => sessions.forEach(({ ws }) => ws.terminate()))
  let stop = false
  const talks = sessions.map(async (session) => {
    for (let n = 1; !stop; n++) {
      if (!(await session.ask(`message ${n}`, n % 5 === 0 ? 3 : 1))) return false
      if (n % 4 === 0) await think()
    }
    return true
  })
  for (let times = 0; times < 3; times++) await execute(app, () => app.signal('SIGHUP'))
  stop = true
  assert.ok((await Promise.all(talks)).every((whole) => whole))
  assert.equal(app.output, '')
})

void test('a drain ends exec(), and a second exec() is refused during the first', async (t) => {
  const { app, port } = await alone(t, { EXEC: JSON.stringify({ times: 2 }), HANDOVER_IDLE_SECONDS: '1' })
  const slow = await connect(t, port)
  slow.get('/slow/1000')
  await (await connect(t, port)).ask('/')
  app.signal('SIGUSR2')
  await app.untilOutput('ERR_HANDOVER_STATE: exec() was called while an earlier one is under way')
  assert.deepEqual(await app.stop(), { code: 0, signal: null })
  assert.match(app.output, /ERR_HANDOVER_STATE: exec\(\) was given up: the service drains/)
  assert.equal(slow.responses[0]?.body, 'slow')
})

for (const secure of [false, true]) {
  const also = secure ? ', with a TLS connection that cannot be kept' : ''
  void test(`SIGTERM during exec() in a pod lets kept connections go one by one in the delay${also}`, async (t) => {
    const delayMs = 3000
    const tlsPort = await freePort()
    const { app, port } = await alone(t, {
      KUBERNETES_SERVICE_HOST: '10.96.0.1',
      HANDOVER_DRAIN_DELAY_SECONDS: String(delayMs / 1000),
      HANDOVER_IDLE_SECONDS: '1',
      EXEC: JSON.stringify({ times: 2 }),
      ...(secure && { TLS_PORT: String(tlsPort) }),
    })
    const slow = await connect(t, port)
    slow.get('/slow/2000')
    if (secure) {
      const connection = await RawConnection.open({ port: tlsPort }, true)
      t.after(() => connection.close())
      await connection.ask('/')
    }
    const balancer = new Balancer(t, port, { kept: 50, fresh: 0 })
    await balancer.warm()
    app.signal('SIGUSR2')
    await app.untilOutput('exec() was called while an earlier one is under way')
    app.signal('SIGTERM')
    const terminatedAt = performance.now()
    await app.untilOutput('ERR_HANDOVER_STATE: exec() was given up: the service drains')
    await later(delayMs / 2)
    await balancer.withdraw()
    assert.deepEqual(await app.exited, { code: 0, signal: null })
    assert.deepEqual(balancer.failures, [])
    // 50 moments, evenly distributed: fewer than 3 in one half of the delay happens by chance once in 10^11 runs.
    const early = balancer.closes.filter((at) => at - terminatedAt < delayMs / 2).length
    assert.ok(early >= 3, `${early} of ${balancer.closes.length} in the first half of the delay`)
  })
}

for (const [variable, value, message] of [
  ['HANDOVER_EXEC', '77', /HANDOVER_EXEC is "77", wanted the descriptor of what an earlier program/],
  ['HANDOVER_EXEC', 'no', /HANDOVER_EXEC is "no", wanted the descriptor/],
  [
    'HANDOVER_EXEC_SIGNAL',
    'HUP',
    /HANDOVER_EXEC_SIGNAL, or execSignal, is "HUP", wanted a signal such as SIGHUP/,
  ],
] as const) {
  void test(`handover() throws a coded error when ${variable} is "${value}"`, async (t) => {
    const app = await App.start(t, 'in-place.mjs', {
      ...library,
      unsupervised: true,
      env: { [variable]: value },
    })
    assert.equal((await app.exited).code, 1)
    assert.match(app.output, message)
    assert.match(app.output, /ERR_HANDOVER_(LISTEN_FDS|OPTION)/)
  })
}
