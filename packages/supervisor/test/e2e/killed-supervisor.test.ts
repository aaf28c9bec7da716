import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { openRig, until } from '@handover/testkit'
import { loadFor } from '../load.js'
import { closedConnections, isAtRest, logged, startService, web } from './upgrade-load.js'

/** The supervisor is killed after so many lines of the command's log: at the start of the rollout and during it. */
const killedAfterLines = [1, 2, 3]

for (const type of ['RollingUpdate', 'InPlace']) {
  test(`a new supervisor finishes the upgrade (${type}) of one that was killed`, async (t) => {
    const rig = openRig()
    t.after(() => rig.close())
    const port = await startService(rig, 'hello.cjs', { strategy: { type } })
    const load = loadFor(t, {
      target: { host: '127.0.0.1', port },
      path: '/',
      workloads: {
        keepAlive: [{ connections: 20, thinkMs: [0, 200] }],
        slow: { concurrency: 4, path: '/', ms: [50, 400] },
      },
    })
    for (const lines of killedAfterLines) {
      const { supervisor } = await rig.status()
      const command = rig.spawn('upgrade')
      await logged(command, lines)
      process.kill(supervisor.pid, 'SIGKILL')
      await until(() => !existsSync(`/proc/${supervisor.pid}/exe`), 'the supervisor is gone')
      command.kill()
      const { code, stderr } = await rig.handover('start')
      assert.equal(code, 0, stderr)
      await until(async () => isAtRest(await web(rig)), 'the upgrade is finished')
    }
    const report = await load.stop()
    t.diagnostic(`${report.answered} answered, ${report.failed} failed`)
    assert.equal(report.failed, 0, JSON.stringify(report.failures.slice(0, 5), null, 2))
    assert.equal(closedConnections(report), 0)
    assert.ok((await web(rig)).revision > 1)
  })
}
