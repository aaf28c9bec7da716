import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { until, systemdUnavailable } from '@handover/testkit'
import { ask, assertFlawless, loadOn, must, openUnit, release, servingPids } from './rig.js'

const skip = systemdUnavailable() ?? false

test('systemctl start and stop finish in time, and leave no process or file behind', { skip }, async (t) => {
  const unit = await openUnit(t)
  await must(unit, 'start', 'web')
  const up = await unit.show('ActiveState', 'StatusText', 'MainPID', 'NotifyAccess', 'NFileDescriptorStore')
  assert.equal(up['ActiveState'], 'active')
  assert.match(up['StatusText'] ?? '', /^app: revision 1, 2 of 2 instances ready/)
  assert.equal(up['MainPID'], String((await unit.status()).supervisor.pid))
  assert.equal(up['NFileDescriptorStore'], '1')
  assert.equal(await ask(unit.port), 'one')

  await must(unit, 'stop', 'web')
  const down = await unit.show('ActiveState', 'Result', 'NFileDescriptorStore')
  assert.deepEqual(down, { ActiveState: 'inactive', Result: 'success', NFileDescriptorStore: '0' })
  const { stdout } = await unit.systemd.run('ps', '-eo', 'args=')
  assert.doesNotMatch(stdout, /app\.cjs|handover\.js/)
  await assert.rejects(ask(unit.port), { code: 'ECONNREFUSED' })
  await unit.systemd.close()
  assert.equal(existsSync(unit.systemd.folder), false)
})

test(
  'systemctl reload upgrades without a failed request, and keeps the main process',
  { skip },
  async (t) => {
    const unit = await openUnit(t)
    await must(unit, 'start', 'web')
    const before = await unit.show('MainPID')
    const load = loadOn(t, unit)
    for (const name of ['two', 'three', 'four']) {
      unit.write(release(name))
      await must(unit, 'reload', 'web')
      assert.equal(await ask(unit.port), name)
    }
    await assertFlawless(load)
    const after = await unit.show('MainPID', 'ActiveState', 'SubState', 'StatusText', 'NRestarts')
    assert.equal(after['MainPID'], before['MainPID'])
    assert.deepEqual(
      [after['ActiveState'], after['SubState'], after['NRestarts']],
      ['active', 'running', '0'],
    )
    assert.match(after['StatusText'] ?? '', /revision 4, 2 of 2 instances ready/)
  },
)

test(
  'systemctl reload fails when the release is broken, and the service keeps running',
  { skip },
  async (t) => {
    const unit = await openUnit(t)
    await must(unit, 'start', 'web')
    const pids = servingPids(await unit.status())
    const load = loadOn(t, unit)
    unit.write(`console.error('boom'); process.exit(3)`)
    const { code } = await unit.systemd.systemctl('reload', 'web')
    assert.equal(code, 1)
    assert.deepEqual(servingPids(await unit.status()), pids)
    assert.equal((await unit.show('ActiveState'))['ActiveState'], 'active')
    await assertFlawless(load)
    assert.equal(await ask(unit.port), 'one')
  },
)

test('systemctl start fails with one sentence when the service cannot be started', { skip }, async (t) => {
  const unit = await openUnit(t, { dropIn: ['Restart=no'] })
  unit.write(`console.error('boom'); process.exit(3)`)
  const { code } = await unit.systemd.systemctl('start', 'web')
  assert.equal(code, 1)
  const { ActiveState, StatusText } = await unit.show('ActiveState', 'StatusText')
  assert.equal(ActiveState, 'failed')
  assert.match(StatusText ?? '', /^app: /)
  assert.match(unit.log(), /could not be started: stopping/)
})

test('the unit is reloading during a rollout that SIGUSR2 started', { skip }, async (t) => {
  const unit = await openUnit(t)
  await must(unit, 'start', 'web')
  const load = loadOn(t, unit)
  // The new release is ready only after a second, so that the state can be seen.
  unit.write(
    release('two').replace(`.listen(process.env.PORT)`, ';').concat(`
    const server = require('node:http').createServer((_, response) => response.end('two'))
    setTimeout(() => server.listen(process.env.PORT), 1000)`),
  )
  await must(unit, 'kill', '--kill-whom=main', '--signal=USR2', 'web')
  await unit.systemd.until('web', 'ActiveState', /^reloading$/)
  await unit.systemd.until('web', 'ActiveState', /^active$/)
  await assertFlawless(load)
  assert.equal(await ask(unit.port), 'two')
})

test(
  'the supervisor warns with both numbers when its unit does not allow for the drain',
  { skip },
  async (t) => {
    const unit = await openUnit(t, {
      dropIn: ['TimeoutStopSec=12', 'KillMode=mixed', 'FileDescriptorStoreMax=0'],
    })
    await must(unit, 'start', 'web')
    await until(() => unit.log().includes('FileDescriptorStoreMax'), 'the warning is in the log')
    assert.match(
      unit.log(),
      /TimeoutStopSec is 12 s, wanted 35 s or more: the longest terminationGracePeriodSeconds is 30 s/,
    )
    assert.match(unit.log(), /KillMode is "mixed", wanted "process"/)
    assert.match(unit.log(), /FileDescriptorStoreMax is 0, wanted 1 or more/)
  },
)
