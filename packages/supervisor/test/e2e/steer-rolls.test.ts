import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Rig } from '@handover/testkit'
import { freePort, openRig, until } from '@handover/testkit'
import { loadFor } from '../load.js'
import { logged } from './upgrade-load.js'

const fixture = (file: string) => fileURLToPath(new URL(`../../test/fixtures/${file}`, import.meta.url))
const python = ['python3', fixture('peers/threads.py')]
const node = ['node', fixture('apps/hello.cjs')]

/** A service of two instances, whose fields can be changed. */
async function serviceFor(t: TestContext, fields: object, host = '127.0.0.1') {
  const rig = openRig()
  t.after(() => rig.close())
  const port = await freePort()
  const configure = (changes: object) => {
    const service = { command: python, replicas: 2, listen: { http: `${host}:${port}` }, ...changes }
    writeFileSync(join(rig.folder, 'handover.config.json'), JSON.stringify({ services: { web: service } }))
  }
  configure(fields)
  const { code, stderr } = await rig.handover('start')
  assert.equal(code, 0, stderr)
  return { rig, port, configure }
}

/** New connections all the time, each with a request that takes 0.3 s or longer. */
async function underLoad(t: TestContext, port: number, work: () => Promise<void>, host = '127.0.0.1') {
  const load = loadFor(t, {
    target: { host, port },
    path: '/?ms=300',
    workloads: { newConnections: { perSecond: 15 }, slow: { concurrency: 3, path: '/', ms: [500, 900] } },
  })
  await work()
  const report = await load.stop()
  t.diagnostic(`${report.answered} answered, ${report.failed} failed`)
  assert.equal(report.failed, 0, JSON.stringify(report.failures.slice(0, 5), null, 2))
}

async function roll(rig: Rig, times: number): Promise<void> {
  for (let time = 0; time < times; time++) assert.equal((await rig.upgrade()).code, 0)
}

test('10 upgrades lose no request of a threaded Python server without signal handling', async (t) => {
  const { rig, port } = await serviceFor(t, {})
  await underLoad(t, port, () => roll(rig, 10))
})

test('upgrades lose no request with Recreate, or without a surge', async (t) => {
  const { rig, port, configure } = await serviceFor(t, { strategy: { type: 'Recreate' } })
  await underLoad(t, port, async () => {
    await roll(rig, 3)
    configure({ strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } } })
    await roll(rig, 3)
  })
})

test('upgrades from Node to Python and back, scaling and undo lose no request', async (t) => {
  const { rig, port, configure } = await serviceFor(t, { command: node })
  await underLoad(t, port, async () => {
    for (const command of [python, node, python]) {
      configure({ command })
      await roll(rig, 1)
    }
    for (const count of [4, 1, 2]) assert.equal((await rig.handover('scale', `web=${count}`)).code, 0)
    assert.equal((await rig.handover('undo')).code, 0)
  })
})

test('upgrades lose no request over IPv6, and of a listener for both families', async (t) => {
  const six = await serviceFor(t, {}, '[::1]')
  const both = await serviceFor(t, {}, '[::]')
  await Promise.all([
    underLoad(t, six.port, () => roll(six.rig, 3), '::1'),
    underLoad(t, both.port, () => underLoad(t, both.port, () => roll(both.rig, 3), '::1')),
  ])
})

test('a supervisor that is killed in the middle of an upgrade loses no request', async (t) => {
  const { rig, port } = await serviceFor(t, {})
  await underLoad(t, port, async () => {
    for (const lines of [1, 2, 3, 4, 5]) {
      const { supervisor } = await rig.status()
      const command = rig.spawn('upgrade')
      await logged(command, lines)
      process.kill(supervisor.pid, 'SIGKILL')
      await until(() => !existsSync(`/proc/${supervisor.pid}/exe`), 'the supervisor is gone')
      command.kill()
      assert.equal((await rig.handover('start')).code, 0)
      await until(async () => {
        const [web] = (await rig.status()).services
        return web?.rollout === null && web.instances.length === 2 && web.available === 2
      }, 'the upgrade is finished')
    }
  })
})
