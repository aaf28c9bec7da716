import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Rig } from '@handover/testkit'
import { freePort, openRig } from '@handover/testkit'
import { parseIdentify, runVerify } from '../../dist/verify/index.js'
import type { VerifyReport } from '../../dist/verify/index.js'

const apps = fileURLToPath(new URL('../../test/fixtures/apps/', import.meta.url))

test('upgrade closes no connection of an application that knows nothing of it', async (t) => {
  const rig = openRig()
  t.after(() => rig.close())
  assertNothingClosed(await loadOver(t, rig, 'hello.cjs', 20))
})

test('upgrade closes no connection of an application with the library', async (t) => {
  const rig = openRig()
  t.after(() => rig.close())
  assertNothingClosed(await loadOver(t, rig, 'library.mjs', 20))
})

test('the same load sees connections being closed when an application ends in the usual way', async (t) => {
  const rig = openRig()
  t.after(() => rig.close())
  const report = await loadOver(t, rig, 'naive.cjs', 3, { register: false })
  const closed = sum(
    report,
    ({ closedIdle, resetIdle, announcedCloses }) => closedIdle + resetIdle + announcedCloses,
  )
  assert.ok(closed > 0)
})

async function loadOver(
  t: TestContext,
  rig: Rig,
  app: string,
  upgrades: number,
  options: object = {},
): Promise<VerifyReport> {
  const port = await freePort()
  const command = ['node', join(apps, app)]
  const services = { web: { command, replicas: 2, listen: { http: port }, ...options } }
  writeFileSync(join(rig.folder, 'handover.config.json'), JSON.stringify({ services }))
  const started = await rig.handover('start')
  assert.equal(started.code, 0, started.stderr)
  const identify = parseIdentify('header:x-process')
  assert.ok(identify.ok)
  const result = await runVerify({
    load: {
      target: { host: '127.0.0.1', port },
      identify: identify.value,
      workloads: {
        keepAlive: [
          { connections: 50, thinkMs: [0, 50] },
          { connections: 50, thinkMs: [200, 3000] },
        ],
        slow: { concurrency: 10, path: '/', ms: [500, 3000] },
        uploads: { concurrency: 2, bytes: 100_000, path: '/upload' },
        pipelining: { connections: 4, depth: 4 },
      },
    },
    upgrades,
    pauseSeconds: [0, 0.2],
    coolDownSeconds: 3,
    upgrade: async () => {
      const { code, receipt, stderr } = await rig.upgrade()
      for (const { id, account, unaccounted } of receipt.instances) {
        if (account) assert.equal(unaccounted, 0, `${id}: ${JSON.stringify(account)}`)
      }
      return { ok: code === 0, ms: receipt.wallMs, message: stderr }
    },
  })
  assert.ok(result.ok, result.ok ? '' : result.failure.message)
  t.diagnostic(`${result.value.load.answered} answered, ${result.value.load.failed} failed`)
  return result.value
}

function assertNothingClosed(report: VerifyReport): void {
  assert.ok(
    report.passed,
    `${report.reasons.join('; ')}\n${JSON.stringify(report.failures.slice(0, 5), null, 2)}`,
  )
  for (const { name, connections } of report.load.workloads) {
    const { closedIdle, resetIdle, announcedCloses } = connections
    assert.deepEqual(
      { closedIdle, resetIdle, announcedCloses },
      { closedIdle: 0, resetIdle: 0, announcedCloses: 0 },
      name,
    )
  }
}

type Figures = VerifyReport['load']['workloads'][number]['connections']

const sum = ({ load }: VerifyReport, of: (figures: Figures) => number): number =>
  load.workloads.reduce((total, { connections }) => total + of(connections), 0)
