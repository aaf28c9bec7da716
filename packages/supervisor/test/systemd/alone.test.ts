import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { bootSystemd, freePort, reached, systemdUnavailable } from '@handover/testkit'
import { startLoad } from '../../dist/verify/index.js'
import { ask, request } from './rig.js'

const skip = systemdUnavailable() ?? false
const library = new URL('../../../process/', import.meta.url)
const program = fileURLToPath(new URL('test/fixtures/http.cjs', library))

test(
  'a unit survives upgrades by SIGUSR2: the main process is the new one, and the watchdog is content',
  { skip },
  async (t) => {
    const systemd = await bootSystemd()
    t.after(() => systemd.close())
    const port = await freePort()
    await systemd.install({
      'alone.service': [
        '[Unit]\nDefaultDependencies=no',
        '[Service]\nType=notify\nNotifyAccess=all\nWatchdogSec=2\nTimeoutStopSec=10',
        `ExecStart=${process.execPath} --import ${new URL('dist/register.js', library).href} ${program}`,
        'ExecReload=/bin/kill -USR2 $MAINPID',
        `Environment=PORT=${port} HANDOVER_UPGRADE_SIGNAL=SIGUSR2 HANDOVER_DRAIN_SECONDS=5`,
        `StandardOutput=append:${systemd.folder}/log\nStandardError=append:${systemd.folder}/log\n`,
      ].join('\n'),
    })
    const must = async (...args: string[]) => {
      const { code, stderr } = await systemd.systemctl(...args)
      assert.equal(code, 0, stderr)
    }
    const mainPid = async () => (await systemd.show('alone', 'MainPID'))['MainPID'] ?? ''
    await must('start', 'alone')
    const load = startLoad({
      target: { host: '127.0.0.1', port },
      path: '/echo/hello',
      workloads: {
        newConnections: { perSecond: 50 },
        keepAlive: [{ connections: 10, thinkMs: [0, 100] }],
      },
    })
    t.after(() => load.stop())
    for (let i = 0; i < 5; i++) {
      const before = await mainPid()
      await must('reload', 'alone')
      await reached(async () => (await mainPid()) !== before, 'systemd knows the new main process')
      await systemd.until('alone', 'ActiveState', /^active$/)
      await reached(
        async () => (await cgroupPids(systemd)).join() === (await mainPid()),
        'the main process is the only one left',
      )
    }
    // Two intervals of the watchdog: the last generation gives its signs of life, though it was started by another.
    const { WatchdogTimestampMonotonic: first } = await systemd.show('alone', 'WatchdogTimestampMonotonic')
    const later = async (by: number) =>
      Number((await systemd.show('alone', 'WatchdogTimestampMonotonic'))['WatchdogTimestampMonotonic']) >
      Number(first) + by
    await reached(() => later(4e6), 'signs of life have come for 4 s')
    const report = await load.stop()
    assert.equal(report.failed, 0, JSON.stringify(report.failures.slice(0, 5), null, 2))
    t.diagnostic(`${report.answered} answered, ${report.failed} failed`)
    assert.match(await ask(port), /^\d+$/)
    const { NRestarts, SubState } = await systemd.show('alone', 'NRestarts', 'SubState')
    assert.deepEqual([NRestarts, SubState], ['0', 'running'])
    const slow = request(port, '/slow/1500')
    await slow.sent
    await must('stop', 'alone')
    assert.equal(await slow.answer, 'slow')
    assert.equal((await systemd.show('alone', 'Result'))['Result'], 'success')
  },
)

async function cgroupPids(systemd: Awaited<ReturnType<typeof bootSystemd>>): Promise<string[]> {
  const { stdout } = await systemd.run('cat', '/sys/fs/cgroup/system.slice/alone.service/cgroup.procs')
  return stdout.trim().split('\n')
}
