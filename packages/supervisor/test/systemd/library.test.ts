import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { bootSystemd, freePort, until, systemdUnavailable } from '@handover/testkit'
import { ask, request } from './rig.js'

const skip = systemdUnavailable() ?? false
const program = fileURLToPath(new URL('../../../process/test/fixtures/unit.mjs', import.meta.url))

/** A plain Node service with the library as a unit, without a supervisor. */
async function openService(t: TestContext, { socket = false, lines = [] as string[] } = {}) {
  const systemd = await bootSystemd()
  t.after(() => systemd.close())
  const port = await freePort()
  const greeting = join(systemd.folder, 'greeting')
  writeFileSync(greeting, 'one')
  const service = [
    '[Unit]\nDefaultDependencies=no\nStartLimitIntervalSec=0\n[Service]\nType=notify\nNotifyAccess=all',
    `ExecStart=${process.execPath} ${program}\nExecReload=/bin/kill -HUP $MAINPID`,
    `Environment=PORT=${port} GREETING_FILE=${greeting}\nRestart=on-failure\nRestartSec=50ms`,
    `StandardOutput=append:${systemd.folder}/log\nStandardError=append:${systemd.folder}/log`,
    'FileDescriptorStoreMax=4',
    ...lines,
    '',
  ]
  const unit = `[Unit]\nDefaultDependencies=no\n[Socket]\nListenStream=127.0.0.1:${port}\nFileDescriptorName=http\n`
  await systemd.install({
    'plain.service': service.join('\n'),
    ...(socket ? { 'plain.socket': unit } : {}),
  })
  const must = async (...args: string[]) => {
    const { code, stderr } = await systemd.systemctl(...args)
    assert.equal(code, 0, stderr)
  }
  return { systemd, port, must, greet: (text: string) => writeFileSync(greeting, text) }
}

test(
  'the library under systemd starts, reloads in place, and drains for longer than TimeoutStopSec',
  { skip },
  async (t) => {
    const { systemd, port, must, greet } = await openService(t, { lines: ['TimeoutStopSec=1'] })
    await must('start', 'plain')
    const { MainPID, StatusText } = await systemd.show('plain', 'MainPID', 'StatusText')
    assert.equal(StatusText, 'warm')
    greet('two')
    await must('reload', 'plain')
    let answer = ''
    await until(
      async () => (answer = await ask(port)) === 'two',
      () => `"${answer}" is "two"`,
    )
    await systemd.until('plain', 'ActiveState', /^active$/)
    assert.equal((await systemd.show('plain', 'MainPID'))['MainPID'], MainPID)

    const slow = request(port, '/?ms=2500')
    await slow.sent
    await must('stop', 'plain')
    assert.match(await slow.answer, /two/)
    assert.equal((await systemd.show('plain', 'Result'))['Result'], 'success')
  },
)

test(
  'a kill and a restart refuse no connection, because the library stores its listener in systemd',
  { skip },
  async (t) => {
    const { systemd, port, must } = await openService(t)
    await must('start', 'plain')
    await systemd.until('plain', 'NFileDescriptorStore', /^1$/)
    for (const verb of [
      ['kill', '--signal=KILL', 'plain'],
      ['restart', 'plain'],
    ]) {
      await must(...verb)
      const answers = await Promise.all(Array.from({ length: 20 }, () => ask(port)))
      assert.deepEqual([...new Set(answers)], ['one'])
      await systemd.until('plain', 'ActiveState', /^active$/)
      assert.equal((await systemd.show('plain', 'NFileDescriptorStore'))['NFileDescriptorStore'], '1')
    }
  },
)

test('the watchdog restarts a service that hangs, and no connection is refused', { skip }, async (t) => {
  const { systemd, port, must } = await openService(t, { lines: ['WatchdogSec=1', 'WatchdogSignal=KILL'] })
  await must('start', 'plain')
  const { MainPID } = await systemd.show('plain', 'MainPID')
  const hanging = request(port, '/hang')
  await hanging.sent
  hanging.answer.catch(() => {}) // it ends with the process
  await until(
    async () => (await systemd.show('plain', 'NRestarts'))['NRestarts'] === '1',
    'the service was restarted',
  )
  assert.equal(await ask(port), 'one')
  assert.notEqual((await systemd.show('plain', 'MainPID'))['MainPID'], MainPID)
})

test(
  'the library listens on the socket of a socket unit, and a stop and a start refuse no connection',
  { skip },
  async (t) => {
    const { port, must, greet } = await openService(t, { socket: true })
    await must('start', 'plain.socket')
    assert.equal(await ask(port), 'one')
    greet('two')
    await must('stop', 'plain.service')
    const waiting = Array.from({ length: 20 }, () => ask(port))
    await must('start', 'plain.service')
    assert.deepEqual([...new Set(await Promise.all(waiting))], ['two'])
  },
)
