import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { freePort, openRig } from '@handover/testkit'
import { runVerify } from '../../dist/verify/index.js'
import { loadFor } from '../load.js'
import { assertNothingClosed, keptConnections, movingLoad } from './moving-load.js'

const upgrades = 2
const apps = fileURLToPath(new URL('../../test/fixtures/apps/', import.meta.url))

for (const app of ['both.cjs', 'both.mjs'])
  test(`upgrade closes no connection of a unix listener and of a port of ${app}`, (t) => upgradeBoth(t, app))

async function upgradeBoth(t: TestContext, app: string): Promise<void> {
  const rig = openRig()
  t.after(() => rig.close())
  const port = await freePort()
  const path = join(rig.folder, 'local.sock')
  const command = ['node', join(apps, app)]
  const listen = { http: port, local: `unix:${path}` }
  const services = { web: { command, replicas: 2, listen, env: { SOCKET_PATH: path } } }
  writeFileSync(join(rig.folder, 'handover.config.json'), JSON.stringify({ services }))
  const started = await rig.handover('start')
  assert.equal(started.code, 0, started.stderr)
  const local = loadFor(t, movingLoad({ path }))
  let handedOver = 0
  const result = await runVerify({
    load: movingLoad({ host: '127.0.0.1', port }),
    upgrades,
    pauseSeconds: [0, 0.2],
    upgrade: async (upgrade) => {
      local.markUpgradeStart(upgrade)
      const { code, receipt, stderr } = await rig.upgrade('--wait', 'drained')
      local.markUpgradeDone(upgrade)
      for (const { id, account, unaccounted } of receipt.instances) {
        assert.equal(unaccounted, 0, `${id}: ${JSON.stringify(account)}`)
        handedOver += account?.handedOver ?? 0
      }
      return { ok: code === 0, ms: receipt.wallMs, message: stderr }
    },
  })
  assert.ok(result.ok && result.value.passed, JSON.stringify(result).slice(0, 2000))
  const reports = [result.value.load, await local.stop()]
  for (const report of reports) assertNothingClosed(report)
  assert.ok(handedOver >= upgrades * 2 * keptConnections, `only ${handedOver} moved`)
  const [http, unix] = reports.map(({ answered }) => answered)
  t.diagnostic(`${http} answered on the port, ${unix} on the unix socket, ${handedOver} handed over`)
}
