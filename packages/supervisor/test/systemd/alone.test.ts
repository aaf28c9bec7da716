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
  'a unit survives upgrades by SIGUSR2: the main process is the new one, and the watchdog is content',
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
      // The last generation gives its signs of life, though it was started by another.
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
  'a unit reloads by exec(): the main process stays, is reloading meanwhile, and the watchdog is content',
  { skip },
  async (t) => {
    const { systemd, port, must, mainPid, underLoad } = await openUnit(t, 'HUP', [
      'HANDOVER_EXEC_SIGNAL=SIGHUP',
    ])
    const pid = await mainPid()
    /** AT_RANDOM and the like: of each program another. */
    const image = async () => (await systemd.run('sh', '-c', `od -An -tx1 /proc/${pid}/auxv`)).stdout
    // The kill(1) of ExecReload has ended by then. Where it ends after RELOADING=1 came, the job lasts until READY=1.
    const saysReloading = async () => {
      const { ActiveState, ControlPID } = await systemd.show('alone', 'ActiveState', 'ControlPID')
      return ActiveState === 'reloading' && ControlPID === '0'
    }
    const report = await underLoad(async () => {
      const slow = request(port, '/slow/4000') // what is in flight is waited for
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

test(
  'a unit is stopped first and started then, and stays active though nobody serves for long',
  { skip },
  async (t) => {
    const { systemd, port, must, mainPid } = await openUnit(t, 'USR2', [
      'HANDOVER_UPGRADE_SIGNAL=SIGUSR2',
      'HANDOVER_UPGRADE_STRATEGY=recreate',
    ])
    for (let i = 0; i < 2; i++) {
      const before = await mainPid()
      const slow = request(port, '/slow/3000') // longer than the watchdog is patient
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
  },
)

/** A service without a line of code as a unit that is reloaded by a signal, and watched. */
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
    /** Runs `work` under load; fails if a request fails. */
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

/** Two intervals of the watchdog, in which the unit was never restarted. */
async function watched(systemd: Systemd): Promise<void> {
  const signOfLife = async () =>
    Number((await systemd.show('alone', 'WatchdogTimestampMonotonic'))['WatchdogTimestampMonotonic'])
  const first = await signOfLife()
  await until(async () => (await signOfLife()) > first + 4e6, 'signs of life have come for 4 s')
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
