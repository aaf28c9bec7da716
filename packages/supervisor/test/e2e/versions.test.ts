import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { freePort, openRig } from '@handover/testkit'
import { loadFor } from '../load.js'

const app = fileURLToPath(new URL('../../test/fixtures/apps/other-version.mjs', import.meta.url))

for (const library of ['older', 'newer']) {
  test(`upgrade loses nothing, and the receipt agrees, with an ${library} library in the instances`, async (t) => {
    const rig = openRig()
    t.after(() => rig.close())
    const port = await freePort()
    const env = { LIBRARY: library }
    const web = { command: ['node', app], replicas: 2, listen: { http: port }, env, register: false }
    writeFileSync(join(rig.folder, 'handover.config.json'), JSON.stringify({ services: { web } }))
    const started = await rig.handover('start')
    assert.equal(started.code, 0, started.stderr)
    const load = loadFor(t, {
      target: { host: '127.0.0.1', port },
      workloads: { newConnections: { perSecond: 50 } },
    })
    for (let upgrade = 1; upgrade <= 3; upgrade++) {
      load.markUpgradeStart(upgrade)
      const { code, receipt, stderr } = await rig.upgrade('--wait', 'drained')
      assert.equal(code, 0, stderr)
      load.markUpgradeDone(upgrade)
      const old = receipt.instances.filter(({ side }) => side === 'old')
      assert.equal(old.length, 2)
      for (const { account, unaccounted, exit, killed } of old) {
        assert.deepEqual([unaccounted, account?.open, exit?.code, killed], [0, 0, 0, false])
        assert.equal(account?.refused, undefined)
      }
    }
    const { failed, answered } = await load.stop()
    assert.equal(failed, 0)
    assert.ok(answered > 50, `only ${answered}`)
    const [instance] = (await rig.status()).services[0]?.instances ?? []
    assert.equal(instance?.text, library === 'newer' ? 'does not know mood' : null)
    t.diagnostic(`${answered} answered, ${failed} failed`)
  })
}
