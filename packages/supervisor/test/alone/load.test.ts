import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { loadFor } from '../load.js'
import { assertFlawless, fixture, openLone, type Lone } from './rig.js'

const upgrades = 10

const loadOn = (t: TestContext, { port }: Lone) =>
  loadFor(t, {
    target: { host: '127.0.0.1', port },
    path: '/echo/hello',
    workloads: {
      newConnections: { perSecond: 50 },
      keepAlive: [
        { connections: 10, thinkMs: [0, 100] },
        { connections: 10, thinkMs: [200, 2000] },
      ],
      pipelining: { connections: 2, depth: 3 },
    },
  })

for (const [name, program, register] of [
  ['a plain http service without a line of code', 'http.cjs', true],
  ['an Express service without a line of code', 'express.cjs', true],
  ['a service with the library', 'library.mjs', false],
] as const) {
  test(`SIGUSR2 loses no request of ${name} in ${upgrades} upgrades`, async (t) => {
    const service = await openLone(t, fixture(program), { register })
    await service.accepts()
    const load = loadOn(t, service)
    const generations = new Set([service.pid()])
    for (let i = 1; i <= upgrades; i++) {
      load.markUpgradeStart(i)
      generations.add(await service.upgrade())
      load.markUpgradeDone(i)
    }
    assertFlawless(t, await load.stop())
    assert.equal(generations.size, upgrades + 1)
    assert.doesNotMatch(service.output(), /Warning/)
  })
}

test('a takeover by a process that is not a child loses no request, 5 times', async (t) => {
  const service = await openLone(t, fixture('http.cjs'), {
    prepare: (folder) => ({ env: { HANDOVER_TAKEOVER: join(folder, 'takeover.sock') } }),
  })
  await service.accepts()
  const load = loadOn(t, service)
  for (let i = 1; i <= 5; i++) {
    const before = service.pid()
    load.markUpgradeStart(i)
    service.startAnother()
    await service.until((pid) => pid !== before)
    load.markUpgradeDone(i)
  }
  assertFlawless(t, await load.stop())
  assert.doesNotMatch(service.output(), /Warning/)
})
