import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { freePort } from '@handover/testkit'
import { App } from './app.js'
import { RawConnection } from './raw-client.js'
import { heldTcp } from './sockets.js'

interface Run {
  /** The events that the application saw. */
  saw: string[]
  exit: { code: number | null; signal: string | null }
  /** How many requests in flight got their whole answer. */
  answered: number
}

/** Long enough for the two requests in flight to be there at SIGTERM, short enough for no test to wait for it. */
const env = { HANDOVER_PATIENCE_SECONDS: '0.2', HANDOVER_DRAIN_SECONDS: '60' }

async function plainly(t: TestContext, WAY: string): Promise<{ app: App; port: number }> {
  const port = await freePort()
  const PORT = String(port)
  const app = await App.start(t, 'shutdown.cjs', {
    unsupervised: true,
    register: false,
    env: { PORT, WAY },
  })
  return { app, port }
}

async function withHandover(t: TestContext, WAY: string): Promise<{ app: App; port: number }> {
  const listener = heldTcp()
  t.after(() => listener.close())
  const { port } = listener
  const app = await App.start(t, 'shutdown.cjs', {
    register: 'bundle',
    listeners: { http: listener },
    env: { PORT: String(port), WAY, ...env },
  })
  return { app, port }
}

async function run({ app, port }: { app: App; port: number }, paths: string[]): Promise<Run> {
  await app.until(() => app.output.includes('listens'), 60)
  const connections = await Promise.all(paths.map(() => RawConnection.open({ port })))
  connections.forEach((connection, n) => connection.get(paths[n] ?? ''))
  if (paths.length > 0) {
    const other = await RawConnection.open({ port })
    await other.ask('/') // everything written before was read before this request
    other.close()
  }
  const exit = await app.stop()
  for (const connection of connections)
    await connection.until(() => connection.responses.length === 1 || connection.ended)
  const answered = connections.filter(({ responses }) => responses.length === 1).length
  connections.forEach((connection) => connection.close())
  const saw = app.output.split('\n').filter((line) => line.startsWith('saw '))
  return { saw, exit, answered }
}

/** `ends`: with the preload, where plain Node dies of the signal. */
for (const [way, ends] of [
  ['no handler', { saw: ['saw close', 'saw exit 0'], exit: { code: 0, signal: null } }],
  ['terminus'],
  ['stoppable with a grace'],
  ['http-terminator'],
  ['close-with-grace'],
  ['signal-exit 3'],
  ['signal-exit 4'],
  ['async-exit-hook'],
  ['death'],
  ['node-graceful'],
  ['NestJS shutdown hooks'],
  ['a wait that keeps no process alive'],
  ['close twice'],
  ['an exit code'],
  ["exit at 'close'"],
  ['its last handler'],
] as const) {
  void test(`an application sees the events of plain Node when it ends, and no request is cut: ${way}`, async (t) => {
    const [plain, handover, busy, held] = await Promise.all([
      plainly(t, way).then((started) => run(started, [])),
      withHandover(t, way).then((started) => run(started, [])),
      plainly(t, way).then((started) => run(started, ['/slow/300'])),
      withHandover(t, way).then((started) => run(started, ['/slow/300'])),
    ])
    assert.deepEqual({ saw: handover.saw, exit: handover.exit }, ends ?? { saw: plain.saw, exit: plain.exit })
    // The handler runs during the request or after it, as the machine is fast or slow.
    const either = [ends ?? plain, ends ?? busy].map(({ exit, saw }) => JSON.stringify({ saw, exit }))
    assert.ok(either.includes(JSON.stringify({ saw: held.saw, exit: held.exit })), held.saw.join())
    assert.ok(held.answered >= busy.answered && held.answered === 1, `${held.answered} answered`)
  })
}

for (const way of [
  'terminus',
  'stoppable with a grace',
  'http-terminator',
  'close-with-grace',
  'async-exit-hook',
  'death',
  'node-graceful',
  'NestJS shutdown hooks',
  "exit at 'close'",
  'a kill that nobody can catch',
  'its last handler',
]) {
  void test(`a request that only the handler answers is answered: ${way}`, async (t) => {
    const idle = way === 'a kill that nobody can catch' ? null : run(await withHandover(t, way), [])
    const held = await run(await withHandover(t, way), ['/poll'])
    assert.equal(held.answered, 1)
    if (idle !== null) assert.deepEqual(held, { ...(await idle), answered: 1 })
    else assert.deepEqual(held.exit, { code: null, signal: 'SIGKILL' })
  })
}
