import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openRig } from '@handover/testkit'
import { openIdleClients } from './idle-clients.js'
import { startService } from './upgrade-load.js'

const connections = 10_000

test('upgrade moves 10,000 idle connections, closes none, and each is answered afterwards', async (t) => {
  const rig = openRig()
  t.after(() => rig.close())
  const port = await startService(rig, 'patient.cjs')
  const clients = await openIdleClients(port, connections)
  t.after(() => clients.end())
  const { code, receipt, stderr } = await rig.upgrade('--wait', 'drained')
  assert.equal(code, 0, stderr)
  for (const { id, unaccounted } of receipt.instances) assert.equal(unaccounted, 0, id)
  assert.equal(clients.closed, 0)
  const moved = receipt.instances.reduce((sum, { account }) => sum + (account?.handedOver ?? 0), 0)
  assert.ok(moved >= connections, `${moved} were handed over`)

  const { services } = await rig.status()
  const answers = await clients.ask()
  assert.deepEqual(
    [...answers.keys()].sort(),
    services.flatMap(({ instances }) => instances.map(({ pid }) => String(pid))).sort(),
  )
  t.diagnostic(`answered by ${[...answers.values()].join(' and ')}; ${moved} moves in ${receipt.wallMs} ms`)
})
