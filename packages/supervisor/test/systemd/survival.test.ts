import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { until, systemdUnavailable } from '@handover/testkit'
import type { Unit } from './rig.js'
import { ask, assertFlawless, loadOn, must, openUnit, release, servingPids } from './rig.js'

const skip = systemdUnavailable() ?? false

test('the watchdog replaces a supervisor that hangs, and no connection is refused', { skip }, async (t) => {
  const unit = await openUnit(t, { dropIn: ['WatchdogSec=1'] })
  await must(unit, 'start', 'web')
  const pids = servingPids(await unit.status())
  const load = loadOn(t, unit)
  const { MainPID: first = '' } = await unit.show('MainPID')
  await must(unit, 'kill', '--kill-whom=main', '--signal=STOP', 'web')
  await restarted(unit, first)
  assert.deepEqual(servingPids(await unit.status()), pids)
  unit.write(release('two'))
  await must(unit, 'reload', 'web')
  await assertFlawless(load)
  assert.equal(await ask(unit.port), 'two')
})

for (const [what, signal] of [
  ['killed', 'KILL'],
  ['ended by an uncaught error', 'PWR'],
] as const) {
  test(`a supervisor that was ${what} is restarted and takes its instances over`, { skip }, async (t) => {
    const fault = fileURLToPath(new URL('../../test/fixtures/fail-on-sigpwr.cjs', import.meta.url))
    const unit = await openUnit(t, { dropIn: [`Environment="NODE_OPTIONS=--require ${fault}"`] })
    await must(unit, 'start', 'web')
    const pids = servingPids(await unit.status())
    const load = loadOn(t, unit)
    const { MainPID: first = '' } = await unit.show('MainPID')
    await must(unit, 'kill', '--kill-whom=main', `--signal=${signal}`, 'web')
    await restarted(unit, first)
    assert.deepEqual(servingPids(await unit.status()), pids)
    await assertFlawless(load)
    assert.equal((await unit.show('NFileDescriptorStore'))['NFileDescriptorStore'], '1')
  })
}

test(
  'SIGKILL of the supervisor and all instances refuses no connection, because systemd keeps the listener',
  { skip },
  async (t) => {
    const unit = await openUnit(t)
    await must(unit, 'start', 'web')
    const pids = servingPids(await unit.status())
    const { MainPID: first = '' } = await unit.show('MainPID')
    for (let round = 0; round < 3; round++) {
      await must(unit, 'kill', '--kill-whom=all', '--signal=KILL', 'web')
      // Sent after the kill: these requests wait in the queue of a socket that only systemd has open.
      const answers = await Promise.all(Array.from({ length: 50 }, () => ask(unit.port)))
      assert.deepEqual([...new Set(answers)], ['one'])
      await unit.systemd.until('web', 'ActiveState', /^active$/)
    }
    const after = await unit.show('MainPID', 'NFileDescriptorStore', 'NRestarts')
    assert.notEqual(after['MainPID'], first)
    assert.deepEqual([after['NFileDescriptorStore'], after['NRestarts']], ['1', '3'])
    assert.notDeepEqual(servingPids(await unit.status()), pids)
  },
)

test(
  'a listener that the application has bound survives SIGKILL of everything, and systemctl restart',
  { skip },
  async (t) => {
    const unit = await openUnit(t, { discovered: true })
    await must(unit, 'start', 'web')
    const stored = async () => (await unit.show('NFileDescriptorStore'))['NFileDescriptorStore']
    assert.equal(await stored(), '1')
    await must(unit, 'kill', '--kill-whom=all', '--signal=KILL', 'web')
    const answers = await Promise.all(Array.from({ length: 50 }, () => ask(unit.port)))
    assert.deepEqual([...new Set(answers)], ['one'])
    await unit.systemd.until('web', 'ActiveState', /^active$/)
    assert.equal(await stored(), '1')
    await restartUnnoticed(unit)
    const { services } = await unit.status()
    assert.deepEqual(
      services[0]?.listeners.map(({ name, discovered }) => [name, discovered]),
      [['http', true]],
    )
    assert.equal(await stored(), '1')
  },
)

test('systemctl restart refuses no connection', { skip }, async (t) => {
  const unit = await openUnit(t)
  await must(unit, 'start', 'web')
  await restartUnnoticed(unit)
})

test('a listener that is removed from the configuration is removed from the store', { skip }, async (t) => {
  const unit = await openUnit(t, { config: ['http', 'admin'] })
  await must(unit, 'start', 'web')
  assert.equal((await unit.show('NFileDescriptorStore'))['NFileDescriptorStore'], '2')
  unit.configure(['http'])
  await must(unit, 'reload', 'web')
  await unit.systemd.until('web', 'NFileDescriptorStore', /^1$/)
  await must(unit, 'kill', '--kill-whom=all', '--signal=KILL', 'web')
  assert.equal(await ask(unit.port), 'one')
})

test('systemctl stop ends in time when an instance ignores SIGTERM', { skip }, async (t) => {
  const unit = await openUnit(t, { run: ['--termination-grace-period-seconds', '2'] })
  unit.write(`${release('one')}; process.on('SIGTERM', () => { for (;;); })`)
  await must(unit, 'start', 'web')
  await must(unit, 'stop', 'web')
  const { ActiveState, Result } = await unit.show('ActiveState', 'Result')
  assert.deepEqual([ActiveState, Result], ['inactive', 'success'])
  const { stdout } = await unit.systemd.run('ps', '-eo', 'args=')
  assert.doesNotMatch(stdout, /app\.cjs|handover\.js/)
})

test('a request of 3 s is answered when systemctl stop comes during it', { skip }, async (t) => {
  const unit = await openUnit(t)
  unit.write(`const server = require('node:http').createServer((_, response) => {
    console.log('asked')
    setTimeout(() => response.end('slow'), 3000)
  }).listen(process.env.PORT)`)
  await must(unit, 'start', 'web')
  const answer = ask(unit.port)
  await until(() => unit.log().includes('asked'), 'the request has arrived')
  const stop = unit.systemd.systemctl('stop', 'web')
  assert.equal(await answer, 'slow')
  assert.equal((await stop).code, 0)
})

async function restarted({ systemd }: Unit, first: string): Promise<void> {
  await systemd.until('web', 'MainPID', new RegExp(`^(?!${first}$|0$)`))
  await systemd.until('web', 'ActiveState', /^active$/)
}

/** Restarts the unit while a client asks all the time: `ask` fails if it is refused. */
async function restartUnnoticed(unit: Unit): Promise<void> {
  let going = true
  const asked = (async () => {
    let answered = 0
    while (going) answered += (await ask(unit.port)) === 'one' ? 1 : 0
    return answered
  })()
  await must(unit, 'restart', 'web')
  going = false
  assert.ok((await asked) > 0)
}
