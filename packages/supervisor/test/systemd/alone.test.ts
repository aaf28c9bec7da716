import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { bootSystemd, freePort, until, systemdUnavailable, type Systemd } from '@handover/testkit'
import type { LoadReport } from '../../dist/verify/index.js'
import { loadFor } from '../load.js'
import { closedConnections } from '../e2e/upgrade-load.js'
import { ask, request } from './rig.js'

const skip = systemdUnavailable() ?? false
const library = new URL('../../../process/', import.meta.url)
const program = fileURLToPath(new URL('test/fixtures/http.cjs', library))

test(
  'a unit stays active during upgrades by SIGUSR2: systemd knows the new main process, and the watchdog gets its signs',
  { skip },
  async (t) => {
    const { systemd, port, must, mainPid, underLoad } = await openUnit(t, 'USR2', [
      'HANDOVER_UPGRADE_SIGNAL=SIGUSR2',
    ])
    await underLoad(async () => {
      for (let i = 0; i < 5; i++) {
        const before = await mainPid()
        await must('reload', 'alone')
        await until(async () => (await mainPid()) !== before, 'systemd knows the new main process')
        await onlyMainProcess(systemd)
      }
      // The last generation sends watchdog signs, although systemd did not start it.
      await watched(systemd)
    })
    const slow = request(port, '/slow/1500')
    await slow.sent
    await must('stop', 'alone')
    assert.equal(await slow.answer, 'slow')
    assert.equal((await systemd.show('alone', 'Result'))['Result'], 'success')
  },
)

test(
  'a unit reloads by exec(): the main process stays, the unit is reloading, and the watchdog gets its signs',
  { skip },
  async (t) => {
    const { systemd, port, must, mainPid, underLoad } = await openUnit(t, 'HUP', [
      'HANDOVER_EXEC_SIGNAL=SIGHUP',
    ])
    const pid = await mainPid()
    /** The auxiliary vector. It is different after each execve(2), because of AT_RANDOM. */
    const image = async () => (await systemd.run('sh', '-c', `od -An -tx1 /proc/${pid}/auxv`)).stdout
    // If the kill(1) of ExecReload ends after RELOADING=1, the reload job lasts until READY=1. So wait for its end.
    const saysReloading = async () => {
      const { ActiveState, ControlPID } = await systemd.show('alone', 'ActiveState', 'ControlPID')
      return ActiveState === 'reloading' && ControlPID === '0'
    }
    const report = await underLoad(async () => {
      const slow = request(port, '/slow/4000') // exec() waits for it
      await slow.sent
      for (let i = 0; i < 5; i++) {
        const before = await image()
        const reload = must('reload', 'alone')
        if (i === 0) {
          await until(saysReloading, 'the program says that it reloads')
          assert.equal(await slow.answer, 'slow')
        }
        await reload
        await until(async () => (await image()) !== before, 'the program is another one')
        await systemd.until('alone', 'SubState', /^running$/)
        assert.equal(await mainPid(), pid)
      }
      await watched(systemd)
    })
    const kept = report.workloads.find(({ name }) => name.startsWith('keep-alive'))
    assert.equal(closedConnections(kept ?? report), 0)
    await must('stop', 'alone')
    assert.equal((await systemd.show('alone', 'Result'))['Result'], 'success')
  },
)

test('a unit with the strategy recreate stays active while no process serves', { skip }, async (t) => {
  const { systemd, port, must, mainPid } = await openUnit(t, 'USR2', [
    'HANDOVER_UPGRADE_SIGNAL=SIGUSR2',
    'HANDOVER_UPGRADE_STRATEGY=recreate',
  ])
  for (let i = 0; i < 2; i++) {
    const before = await mainPid()
    const slow = request(port, '/slow/3000') // longer than WatchdogSec
    await slow.sent
    await must('reload', 'alone')
    assert.equal(await slow.answer, 'slow')
    await until(async () => (await mainPid()) !== before, 'systemd knows the new main process')
    await onlyMainProcess(systemd)
    assert.match(await ask(port), /^\d+$/)
  }
  await watched(systemd)
  await must('stop', 'alone')
  assert.equal((await systemd.show('alone', 'Result'))['Result'], 'success')
})

/** An unmodified application as a unit with a watchdog, reloaded by a signal. */
async function openUnit(t: TestContext, reload: string, environment: string[]) {
  const systemd = await bootSystemd()
  t.after(() => systemd.close())
  const port = await freePort()
  await systemd.install({
    'alone.service': [
      '[Unit]\nDefaultDependencies=no',
      '[Service]\nType=notify\nNotifyAccess=all\nWatchdogSec=2\nTimeoutStopSec=10',
      `ExecStart=${process.execPath} --import ${new URL('dist/register.js', library).href} ${program}`,
      `ExecReload=/bin/kill -${reload} $MAINPID`,
      `Environment=PORT=${port} HANDOVER_DRAIN_SECONDS=8 ${environment.join(' ')}`,
      `StandardOutput=append:${systemd.folder}/log\nStandardError=append:${systemd.folder}/log\n`,
    ].join('\n'),
  })
  const must = async (...args: string[]) => {
    const { code, stderr } = await systemd.systemctl(...args)
    assert.equal(code, 0, stderr)
  }
  await must('start', 'alone')
  return {
    systemd,
    port,
    must,
    mainPid: async () => (await systemd.show('alone', 'MainPID'))['MainPID'] ?? '',
    /** Runs `work` under load. Fails if a request fails. */
    async underLoad(work: () => Promise<void>): Promise<LoadReport> {
      const load = loadFor(t, {
        target: { host: '127.0.0.1', port },
        path: '/echo/hello',
        workloads: {
          newConnections: { perSecond: 50 },
          keepAlive: [{ connections: 10, thinkMs: [0, 100] }],
        },
      })
      await work()
      const report = await load.stop()
      assert.equal(report.failed, 0, JSON.stringify(report.failures.slice(0, 5), null, 2))
      t.diagnostic(`${report.answered} answered, ${report.failed} failed`)
      return report
    },
  }
}

/** Resolves after two watchdog intervals. Fails if the unit was restarted. */
async function watched(systemd: Systemd): Promise<void> {
  const lastSign = async () =>
    Number((await systemd.show('alone', 'WatchdogTimestampMonotonic'))['WatchdogTimestampMonotonic'])
  const first = await lastSign()
  await until(async () => (await lastSign()) > first + 4e6, 'watchdog signs have come for 4 s')
  const { NRestarts, SubState } = await systemd.show('alone', 'NRestarts', 'SubState')
  assert.deepEqual([NRestarts, SubState], ['0', 'running'])
}

async function onlyMainProcess(systemd: Systemd): Promise<void> {
  await systemd.until('alone', 'ActiveState', /^active$/)
  const alone = async () => {
    const { stdout } = await systemd.run('cat', '/sys/fs/cgroup/system.slice/alone.service/cgroup.procs')
    return stdout.trim() === (await systemd.show('alone', 'MainPID'))['MainPID']
  }
  await until(alone, 'the main process is the only one left')
}
