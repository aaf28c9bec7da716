import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { until } from '@handover/testkit'
import { loadFor } from '../load.js'
import { assertFlawless, canConnect, fixture, openLone, serve, serveOnGo, type Lone } from './rig.js'

const upgrades = 10

const loadOn = (t: TestContext, { port }: Lone) =>
  loadFor(t, {
    target: { host: '127.0.0.1', port },
    path: '/echo/hello',
    workloads: {
      newConnections: { perSecond: 150 },
      keepAlive: [{ connections: 10, thinkMs: [0, 400] }],
      pipelining: { connections: 2, depth: 2 },
    },
  })

for (const [name, program, register] of [
  ['without a line of code', 'http.cjs', true],
  ['with the library', 'library.mjs', false],
] as const) {
  test(`sockets side by side lose no request ${name} in ${upgrades} upgrades`, async (t) => {
    const service = await openLone(t, fixture(program), {
      register,
      // Longer than a machine with more to do than it can may need for a full queue, which is reset at the deadline.
      env: { HANDOVER_UPGRADE_STRATEGY: 'reusePort', HANDOVER_DRAIN_SECONDS: '20' },
    })
    await service.accepts()
    const load = loadOn(t, service)
    for (let i = 1; i <= upgrades; i++) {
      load.markUpgradeStart(i)
      await service.upgrade()
      load.markUpgradeDone(i)
    }
    assertFlawless(t, await load.stop())
    assert.doesNotMatch(service.output(), /Warning/)
  })
}

const slow = serve('one').replace(
  'response.end',
  "request.url === '/slow' ? setTimeout(() => response.end('slow'), 500) : response.end",
)

test('recreate answers accepted requests and refuses connections until the new process serves', async (t) => {
  const service = await openLone(t, 'app.cjs', {
    env: { HANDOVER_UPGRADE_STRATEGY: 'recreate', HANDOVER_IDLE_SECONDS: '0.2' },
    prepare(folder) {
      writeFileSync(join(folder, 'app.cjs'), slow)
      return {}
    },
  })
  const { folder, port } = service
  await service.accepts()
  const first = service.pid()
  writeFileSync(join(folder, 'app.cjs'), serveOnGo('two'))
  const clients = await Promise.all(Array.from({ length: 10 }, () => openClient(port)))
  for (const client of clients) client.write('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n')
  await service.accepts() // the queue is first in, first out: the earlier connections are accepted, too
  process.kill(first, 'SIGUSR2')
  await until(async () => !(await canConnect(port)), 'a client that connects in between is refused')
  for (const client of clients) assert.match(await client.rest, /200 OK[^]*slow/)
  assert.equal(await canConnect(port), false, 'no process serves until the new one listens')
  writeFileSync(join(folder, 'go'), '')
  await service.accepts()
  await service.until((pid) => pid !== first)
})

test('stop first, then start: a release that fails is started again until one serves', async (t) => {
  const service = await openLone(t, 'app.cjs', {
    env: { HANDOVER_UPGRADE_STRATEGY: 'recreate', HANDOVER_IDLE_SECONDS: '0.2' },
  })
  await service.accepts()
  const first = service.pid()
  writeFileSync(join(service.folder, 'app.cjs'), 'process.exit(7)')
  process.kill(first, 'SIGUSR2')
  await service.untilOutputMatches(
    /exited with 7 before it was ready; no process serves, it is started again in 1 s/,
    0,
  )
  assert.equal(service.pid(), first)
  writeFileSync(join(service.folder, 'app.cjs'), serve('two'))
  await service.untilOutput('two listens')
  await service.until((pid) => pid !== first)
})

test('a strategy that is none is refused by its names', async (t) => {
  await assert.rejects(
    openLone(t, fixture('http.cjs'), { env: { HANDOVER_UPGRADE_STRATEGY: 'Recreate' } }),
    /HANDOVER_UPGRADE_STRATEGY is "Recreate", wanted one of inherit, reusePort, recreate/,
  )
})

async function openClient(port: number) {
  const socket = net.connect(port, '127.0.0.1')
  let text = ''
  socket.setEncoding('utf8').on('data', (chunk) => (text += String(chunk)))
  const rest = once(socket, 'close').then(() => text)
  await once(socket, 'connect')
  return { write: (data: string) => socket.write(data), rest }
}
