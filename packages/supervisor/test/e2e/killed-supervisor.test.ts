import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as later } from 'node:timers/promises'
import type { Rig } from '@handover/testkit'
import { openRig, reached } from '@handover/testkit'
import type { ServiceStatus } from 'handover/model'
import { startLoad } from '../../dist/verify/index.js'
import { closedConnections, startService } from './upgrade-load.js'

/** Milliseconds after the command was given: at the begin of the rollout, in its middle, and at its end. */
const moments = [250, 400, 600]

for (const type of ['RollingUpdate', 'InPlace']) {
  test(`an upgrade (${type}) is finished by the next supervisor when its own is killed`, async (t) => {
    const rig = openRig()
    t.after(() => rig.close())
    const port = await startService(rig, 'hello.cjs', { strategy: { type } })
    const load = startLoad({
      target: { host: '127.0.0.1', port },
      path: '/',
      workloads: {
        keepAlive: [{ connections: 20, thinkMs: [0, 50] }],
        slow: { concurrency: 4, path: '/', ms: [50, 400] },
      },
    })
    t.after(() => load.stop())
    for (const moment of moments) {
      const { supervisor } = await rig.status()
      const command = rig.spawn('upgrade')
      await later(moment)
      process.kill(supervisor.pid, 'SIGKILL')
      await reached(() => !existsSync(`/proc/${supervisor.pid}/exe`), 'the supervisor is gone')
      command.kill()
      const { code, stderr } = await rig.handover('start')
      assert.equal(code, 0, stderr)
      await reached(async () => isAtRest(await web(rig)), 'the upgrade is finished')
    }
    const report = await load.stop()
    t.diagnostic(`${report.answered} answered, ${report.failed} failed`)
    assert.equal(report.failed, 0, JSON.stringify(report.failures.slice(0, 5), null, 2))
    assert.equal(closedConnections(report), 0)
    assert.ok((await web(rig)).revision > 1)
  })
}

async function web(rig: Rig): Promise<ServiceStatus> {
  const { services } = await rig.status()
  return services[0] ?? assert.fail('the service is not there')
}

/** Two instances of the revision that should run, and no other. */
const isAtRest = ({ rollout, instances, revision, ready }: ServiceStatus): boolean =>
  rollout === null &&
  ready === 2 &&
  instances.length === 2 &&
  instances.every((one) => one.revision === revision)
