// One application on the Node that runs this: `node run.mjs hello.cjs 100`. See ../nodes.mjs.
import assert from 'node:assert/strict'
import { readlinkSync } from 'node:fs'
import { openRig } from '../../packages/testkit/dist/index.js'
import {
  closedConnections,
  startService,
  steadyWorkloads,
  upgradeUnderLoad,
} from '../../packages/supervisor/dist-test/e2e/upgrade-load.js'

const [app, upgrades] = process.argv.slice(2)
const rig = openRig()
try {
  const port = await startService(rig, app)
  const { supervisor, services } = await rig.status()
  for (const pid of [supervisor.pid, ...services.flatMap(({ instances }) => instances.map(({ pid }) => pid))])
    assert.equal(readlinkSync(`/proc/${pid}/exe`), process.execPath, 'all of it runs on this Node')
  const { passed, reasons, failures, load } = await upgradeUnderLoad(rig, port, {
    upgrades: Number(upgrades),
    workloads: steadyWorkloads,
  })
  const closed = closedConnections(load)
  const during = load.latency.duringUpgrade.p99Ms.toFixed(0)
  console.log(
    `Node ${process.versions.node}  ${app.padEnd(12)} ${load.upgrades.length} upgrades, ${load.requests} requests, ` +
      `${load.failed} failed, ${load.connections.opened} connections, ${closed} closed, p99 during upgrades ${during} ms`,
  )
  if (!passed) console.error(reasons.join('; '), failures.slice(0, 5))
  process.exitCode = passed && closed === 0 ? 0 : 1
} finally {
  await rig.close()
}
