import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { openRig } from '@handover/testkit'
import type { Rig } from '@handover/testkit'
import { closedConnections, startService, upgradeUnderLoad } from './upgrade-load.js'

const inPlace = { strategy: { type: 'InPlace' }, terminationGracePeriodSeconds: 10 }

/** 50 clients, each of which asks again within a second; nothing takes so long that the others wait for it. */
const quick = {
  keepAlive: [{ connections: 40, thinkMs: [0, 800] as [number, number] }],
  slow: { concurrency: 4, path: '/', ms: [50, 300] as [number, number] },
  uploads: { concurrency: 2, bytes: 20_000, path: '/upload' },
  pipelining: { connections: 4, depth: 2 },
}

const pidsOf = async (rig: Rig) =>
  (await rig.status()).services.flatMap(({ instances }) => instances.map(({ id, pid }) => `${id} ${pid}`))

/** Changes the configuration of the service that `startService` began. */
function change(rig: Rig, fields: object): void {
  const file = join(rig.folder, 'handover.config.json')
  const { services } = JSON.parse(readFileSync(file, 'utf8')) as { services: { web: object } }
  writeFileSync(file, JSON.stringify({ services: { web: { ...services.web, ...fields } } }))
}

for (const [file, upgrades] of [
  ['hello.cjs', 2],
  ['library.mjs', 2],
] as const) {
  test(`${upgrades} upgrades of ${file} in place lose nothing, and the processes stay the same`, async (t) => {
    const rig = openRig()
    t.after(() => rig.close())
    const port = await startService(rig, file, inPlace)
    const before = await pidsOf(rig)
    const report = await upgradeUnderLoad(rig, port, { upgrades, workloads: quick, coolDownSeconds: 1 })
    const { answered, failed } = report.load
    t.diagnostic(`${answered} answered, ${failed} failed, ${closedConnections(report.load)} closed`)
    assert.ok(
      report.passed,
      `${report.reasons.join('; ')}\n${JSON.stringify(report.failures.slice(0, 5), null, 2)}`,
    )
    for (const workload of report.load.workloads) assert.equal(closedConnections(workload), 0, workload.name)
    assert.deepEqual(await pidsOf(rig), before)
  })
}

/** The first of the next two tests that runs starts it, and both upgrade it: neither needs what the other did. */
const shared = openRig()
after(() => shared.close())
let sharedPort: Promise<number> | undefined
const startShared = () =>
  (sharedPort ??= startService(shared, 'hello.cjs', { ...inPlace, env: { GREETING: 'before' } }))

test('an upgrade in place brings changed variables, and the receipt shows it', async () => {
  const rig = shared
  const port = await startShared()
  const before = await pidsOf(rig)
  const environment = async () => {
    const { services } = await rig.status()
    const pids = services.flatMap(({ instances }) => instances.map(({ pid }) => pid))
    return pids.map((pid) => /GREETING=(\w+)/.exec(readFileSync(`/proc/${pid}/environ`, 'latin1'))?.[1])
  }
  assert.deepEqual(await environment(), ['before', 'before'])
  change(rig, { env: { GREETING: 'after' } })
  const { code, receipt, stderr } = await rig.upgrade()
  assert.equal(code, 0, stderr)
  assert.deepEqual(await environment(), ['after', 'after'])
  assert.deepEqual(await pidsOf(rig), before)
  assert.deepEqual(
    receipt.instances.map(({ side, inPlace, revision }) => [side, inPlace, revision]),
    [
      ['new', true, 2],
      ['new', true, 2],
    ],
  )
  assert.ok(await (await fetch(`http://127.0.0.1:${port}/`)).text())
})

test('an upgrade fails with exit code 3 when the program is missing, and the old one continues', async () => {
  const rig = shared
  const port = await startShared()
  const before = await pidsOf(rig)
  change(rig, { command: [join(rig.folder, 'missing'), 'hello.cjs'] })
  const { code, receipt } = await rig.upgrade()
  assert.deepEqual([code, receipt.outcome], [3, 'rolled-back'])
  assert.match(receipt.failure?.message ?? '', /missing/)
  assert.deepEqual(await pidsOf(rig), before)
  assert.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 200)
})

test('an instance without the library is replaced by a new process instead', async (t) => {
  const rig = openRig()
  t.after(() => rig.close())
  const port = await startService(rig, 'naive.cjs', { ...inPlace, register: false })
  const before = await pidsOf(rig)
  const { code, stderr } = await rig.upgrade('--wait', 'drained')
  assert.equal(code, 0, stderr)
  assert.ok((await pidsOf(rig)).every((pid) => !before.includes(pid)))
  assert.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 200)
})
