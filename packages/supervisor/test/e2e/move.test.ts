import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import { openRig } from '@handover/testkit'
import { closedConnections, startService, steadyWorkloads, upgradeUnderLoad } from './upgrade-load.js'
import type { VerifyReport, Workloads } from '../../dist/verify/index.js'

/** As many connections, and fewer requests: what can go wrong depends on the connections and on the upgrades. */
const workloads: Workloads = {
  ...steadyWorkloads,
  keepAlive: [
    { connections: 52, thinkMs: [0, 1000] },
    { connections: 50, thinkMs: [200, 3000] },
  ],
  uploads: { concurrency: 2, bytes: 20_000, path: '/upload' },
  pipelining: { connections: 2, depth: 3 },
}

for (const [application, file, upgrades] of [
  ['that knows nothing of it', 'hello.cjs', 4],
  ['with the library', 'library.mjs', 3],
] as const) {
  test(`upgrade closes no connection of an application ${application}`, async (t) => {
    const report = await loadOver(t, file, upgrades)
    assert.ok(
      report.passed,
      `${report.reasons.join('; ')}\n${JSON.stringify(report.failures.slice(0, 5), null, 2)}`,
    )
    for (const workload of report.load.workloads) assert.equal(closedConnections(workload), 0, workload.name)
  })
}

test('the same load sees connections being closed when an application ends in the usual way', async (t) => {
  const { load } = await loadOver(t, 'naive.cjs', 1, { register: false, steer: false })
  assert.ok(closedConnections(load) > 0)
})

async function loadOver(
  t: TestContext,
  app: string,
  upgrades: number,
  options: object = {},
): Promise<VerifyReport> {
  const rig = openRig()
  t.after(() => rig.close())
  const port = await startService(rig, app, options)
  const report = await upgradeUnderLoad(rig, port, { upgrades, workloads })
  const { answered, failed } = report.load
  t.diagnostic(`${answered} answered, ${failed} failed, ${closedConnections(report.load)} closed`)
  return report
}
