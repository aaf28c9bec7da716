import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openRig, specOf } from '@handover/testkit'
import { drainWarnings, systemdUnits, timingOf } from '../../dist/systemd/units/index.js'
import type { SystemdOrder } from '../../dist/systemd/units/index.js'
import { quoteAssignment, quoteCommand } from '../../dist/systemd/units/quote.js'
import { parseTimespan, parseUnitLimits, unitOf } from '../../dist/systemd/manager/limits.js'
import { takeServiceManagerEnvironment } from '../../dist/systemd/manager/environment.js'

const noAnalyze = spawnSync('systemd-analyze', ['--version']).status === 0 ? false : 'no systemd-analyze'
const tcp = (host: string, port: number) => ({ type: 'tcp', host, port, backlog: 511 }) as const

const order = (change: Partial<SystemdOrder> = {}): SystemdOrder => ({
  name: 'web',
  specs: [
    specOf({
      name: 'web',
      listen: {
        http: tcp('::', 3000),
        v4: tcp('127.0.0.1', 3001),
        metrics: { type: 'udp', host: '::1', port: 8125 },
        local: { type: 'unix', path: '/run/50% full.sock', mode: 0o660, group: 'root', backlog: 511 },
      },
    }),
    specOf({ name: 'api', terminationGracePeriodSeconds: 60 }),
  ],
  scope: 'system',
  start: [process.execPath, '/bin/true', 'a b', '$HOME', '100%', 'say "hi"'],
  upgrade: [process.execPath, '/bin/true', 'upgrade'],
  environment: {},
  folder: '/tmp',
  sockets: true,
  systemdVersion: 252,
  ...change,
})

test('timingOf() derives the timeouts of a unit from those of its services', () => {
  const times = (...graces: number[]) =>
    timingOf(graces.map((grace) => specOf({ terminationGracePeriodSeconds: grace })))
  const table: [number[], number, number][] = [
    [[30], 35, 15],
    [[30, 60], 65, 15],
    [[5], 10, 10],
    [[0.5], 6, 10],
    [[300], 305, 30],
    [[], 5, 30],
  ]
  for (const [graces, stop, watchdog] of table) {
    const { stopSeconds, watchdogSeconds } = times(...graces)
    assert.deepEqual([stopSeconds, watchdogSeconds], [stop, watchdog], graces.join())
  }
  assert.equal(timingOf([specOf({ progressDeadlineSeconds: 100 })]).startSeconds, 130)
})

test('drainWarnings() names both numbers when a unit does not allow for the drain', () => {
  const specs = [specOf({ listen: { http: tcp('::', 80), https: tcp('::', 443) } })]
  const warn = (stopSeconds: number | null, killMode: string | null, storeMax: number | null) =>
    drainWarnings(specs, { unit: 'web.service', stopSeconds, killMode, storeMax })
  assert.deepEqual(warn(35, 'process', 2), [])
  assert.deepEqual(warn(Infinity, 'process', 18), [])
  assert.deepEqual(warn(null, null, null), [])
  assert.deepEqual(warn(34, 'process', 2), [
    'web.service: TimeoutStopSec is 34 s, wanted 35 s or more: the longest terminationGracePeriodSeconds is 30 s',
  ])
  assert.match(warn(90, 'control-group', 2).join(), /KillMode is "control-group"/)
  assert.match(warn(90, 'process', 1).join(), /FileDescriptorStoreMax is 1, wanted 2 or more/)
})

test('parseUnitLimits() parses the output of systemctl show', () => {
  assert.deepEqual(
    parseUnitLimits('a.service', 'TimeoutStopUSec=1min 30s\nKillMode=mixed\nFileDescriptorStoreMax=0\n'),
    { unit: 'a.service', stopSeconds: 90, killMode: 'mixed', storeMax: 0 },
  )
  assert.deepEqual(parseUnitLimits('a.service', ''), {
    unit: 'a.service',
    stopSeconds: null,
    killMode: null,
    storeMax: null,
  })
  for (const [text, seconds] of [
    ['infinity', Infinity],
    ['500ms', 0.5],
    ['1h 2min 3.5s', 3723.5],
    ['soon', null],
    ['', null],
  ] as const)
    assert.equal(parseTimespan(text), seconds, text)
  assert.equal(unitOf('0::/system.slice/web.service\n'), 'web.service')
  assert.equal(unitOf('0::/user.slice/user@1.service/app.slice/web.service/x\n'), 'web.service')
  assert.equal(unitOf('0::/init.scope\n'), null)
})

test('systemdUnits() keeps SIGTERM for the supervisor when a service has a stop signal', () => {
  const specs = order().specs.map((spec) => ({ ...spec, lifecycle: { stopSignal: 'SIGQUIT' } }))
  const textOf = (change: Partial<SystemdOrder>) =>
    systemdUnits(order(change)).find(({ name }) => name.endsWith('.service'))?.text ?? ''
  assert.match(
    textOf({ specs: specs.slice(0, 1) }),
    /# stops the supervisor, which sends SIGQUIT to instances of web\nKillSignal=SIGTERM\n/,
  )
  assert.doesNotMatch(textOf({}), /KillSignal/)
})

test('quoteCommand() quotes so that systemd passes every word unchanged', { skip: noAnalyze }, () => {
  assert.equal(quoteCommand(['/bin/a', 'b c', '$d', '50%', '"e"\\']), '/bin/a "b c" $$d 50%% "\\"e\\"\\\\"')
  assert.equal(quoteAssignment('A', 'x "y" $z 5%'), '"A=x \\"y\\" $z 5%%"')
})

test('systemd-analyze verify accepts the units of systemdUnits()', { skip: noAnalyze }, (t) => {
  for (const scope of ['system', 'user'] as const) {
    const folder = mkdtempSync(join(tmpdir(), 'units-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const units = systemdUnits(order({ scope }))
    for (const { name, text } of units) writeFileSync(join(folder, name), text)
    const verified = spawnSync(
      'systemd-analyze',
      ['verify', `--${scope}`, ...readdirSync(folder).map((name) => join(folder, name))],
      { encoding: 'utf8', env: { ...process.env, XDG_RUNTIME_DIR: folder } },
    )
    const complaints = `${verified.stdout}${verified.stderr}`
      .split('\n')
      .filter((line) => line.includes(folder))
    assert.deepEqual([verified.status, complaints], [0, []], verified.stderr)
  }
})

test('systemdUnits() uses notify-reload when the version of systemd has it', () => {
  const type = (systemdVersion: number) =>
    /^Type=.*(\n.*ReloadSignal=.*|\n#.*\nReloadSignal=.*)?/m.exec(
      systemdUnits(order({ systemdVersion }))[0]?.text ?? '',
    )?.[0]
  assert.equal(type(252), 'Type=notify')
  assert.match(type(253) ?? '', /^Type=notify-reload\n#.*\nReloadSignal=SIGCONT$/)
})

test('handover systemd --install --user installs complete files, and prints the next steps', async (t) => {
  const config = mkdtempSync(join(tmpdir(), 'config-'))
  t.after(() => rmSync(config, { recursive: true }))
  const rig = openRig({ env: { XDG_CONFIG_HOME: config, XDG_RUNTIME_DIR: '/nonexistent' } })
  t.after(() => rig.close())
  writeFileSync(join(rig.folder, 'app.cjs'), '')
  const installed = await rig.handover(
    'systemd',
    '--install',
    '--user',
    '--socket',
    '--',
    'app.cjs',
    '-p',
    '3000',
  )
  assert.equal(installed.code, 0, installed.stderr)
  assert.deepEqual(readdirSync(join(config, 'systemd/user')).sort(), ['test-app-http.socket', 'test.service'])
  assert.match(readFileSync(join(config, 'systemd/user/test.service'), 'utf8'), /WantedBy=default\.target/)
  assert.match(installed.stderr, /run "systemctl daemon-reload" yourself/)
  assert.match(installed.stderr, /systemctl --user enable --now test-app-http\.socket/)
})

test('handover systemd names the error in one sentence, and exits with 2', async (t) => {
  const rig = openRig()
  t.after(() => rig.close())
  const cases: [string[], RegExp][] = [
    [['--systemd-version', 'new'], /--systemd-version is "new", wanted a number such as 252/],
    [['a.yaml', '--', 'app.cjs'], /the configuration is "a.yaml" and there are arguments of run after "--"/],
    [[], /there is nothing to run/],
    [['--', '--nonsense'], /unknown option '--nonsense'/],
  ]
  for (const [args, message] of cases) {
    const { code, stderr } = await rig.handover('systemd', ...args)
    assert.equal(code, 2, stderr)
    assert.match(stderr, message)
  }
})

test('takeServiceManagerEnvironment() removes the variables for this process, so that no child inherits them', () => {
  const warnings: string[] = []
  const take = (env: NodeJS.ProcessEnv) => {
    const taken = takeServiceManagerEnvironment(env, 7, (line) => warnings.push(line))
    assert.deepEqual(Object.keys(env), [])
    return taken
  }
  const nothing = { notifySocket: null, watchdogMs: null, descriptorNames: [] }
  assert.deepEqual(take({}), nothing)
  assert.deepEqual(
    take({
      NOTIFY_SOCKET: '/n',
      WATCHDOG_USEC: '2000000',
      WATCHDOG_PID: '7',
      LISTEN_FDS: '2',
      LISTEN_PID: '7',
    }),
    { notifySocket: '/n', watchdogMs: 2000, descriptorNames: ['unknown', 'unknown'] },
  )
  assert.deepEqual(take({ WATCHDOG_USEC: '1', WATCHDOG_PID: '8' }), nothing)
  assert.deepEqual(take({ LISTEN_FDS: '2', LISTEN_PID: '8', LISTEN_FDNAMES: 'a:b' }), nothing)
  assert.equal(warnings.length, 0)
  assert.deepEqual(take({ LISTEN_FDS: '2', LISTEN_PID: '7', LISTEN_FDNAMES: 'a' }).descriptorNames.length, 2)
  assert.deepEqual(take({ LISTEN_FDS: 'x', LISTEN_PID: '7', WATCHDOG_USEC: 'never' }), nothing)
  assert.deepEqual(
    warnings.map((line) => line.split(',')[0]),
    ['LISTEN_FDNAMES is "a" (1 in number)', 'WATCHDOG_USEC is "never"', 'LISTEN_FDS is "x"'],
  )
})
