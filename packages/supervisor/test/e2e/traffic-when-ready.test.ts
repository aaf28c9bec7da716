import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, get } from 'node:http'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { openRig, until } from '@handover/testkit'
import { loadFor } from '../load.js'
import { isAtRest, startService, web } from './upgrade-load.js'

const service = {
  env: { WARM_MS: '700' },
  readinessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 1, failureThreshold: 1 },
}

const loadOn = (t: TestContext, port: number) =>
  loadFor(t, {
    target: { host: '127.0.0.1', port },
    workloads: { newConnections: { perSecond: 100 }, keepAlive: [{ connections: 10, thinkMs: [0, 200] }] },
  })

test('an application that answers 503 for a while after it listens', async (t) => {
  const rig = openRig()
  t.after(() => rig.close())
  const port = await startService(rig, 'warming.cjs', service)

  await t.test('no client gets one when it is upgraded', async (t) => {
    const load = loadOn(t, port)
    for (let upgrade = 0; upgrade < 2; upgrade++) {
      const { code, stderr } = await rig.upgrade()
      assert.equal(code, 0, stderr)
    }
    const report = await load.stop()
    t.diagnostic(`${report.answered} answered, ${report.failed} failed`)
    assert.equal(report.failed, 0, JSON.stringify(report.failures.slice(0, 5), null, 2))
  })

  await t.test('no client gets one when its supervisor is killed while an instance is held', async (t) => {
    const load = loadOn(t, port)
    const { supervisor } = await rig.status()
    const command = rig.spawn('upgrade')
    await until(
      async () => (await web(rig)).instances.some(({ state, pid }) => state === 'starting' && pid !== null),
      'a new instance starts',
    )
    process.kill(supervisor.pid, 'SIGKILL')
    await until(() => !existsSync(`/proc/${supervisor.pid}/exe`), 'the supervisor is gone')
    command.kill()
    const { code, stderr } = await rig.handover('start')
    assert.equal(code, 0, stderr)
    await until(async () => isAtRest(await web(rig)), 'the upgrade is finished')
    const report = await load.stop()
    assert.equal(report.failed, 0, JSON.stringify(report.failures.slice(0, 5), null, 2))
    await untilEachAnswers(port, new Set((await web(rig)).instances.map(({ pid }) => pid ?? 0)))
  })

  await t.test(
    'an unready instance gets no new connection while another is ready, and keeps what it has',
    async () => {
      const { instances } = await web(rig)
      const [sick, well] = instances.map(({ pid }) => pid ?? 0) as [number, number]
      const kept = new Agent({ keepAlive: true, maxSockets: 1 })
      await until(async () => {
        if ((await ask(port, '/any', kept)).pid === sick) return true
        kept.destroy()
        return false
      }, 'a connection to it')
      writeFileSync(join(rig.folder, `unready-${sick}`), '')
      await until(
        async () => (await web(rig)).instances.some(({ accepting }) => accepting === false),
        'it leaves them',
      )
      assert.deepEqual(await answeringPids(port), new Set([well]))
      assert.equal((await ask(port, '/any', kept)).pid, sick)
      const { stdout } = await rig.handover('explain')
      assert.match(
        stdout,
        /web-\d+ of revision \d+ has not been ready for [\d.]+ s: GET \/ on "http" of web-\d+ answered 503/,
      )
      assert.match(stdout, /; it accepts no new connections while another instance is ready/)

      writeFileSync(join(rig.folder, `unready-${well}`), '')
      await until(async () => (await web(rig)).ready === 0, 'none is ready')
      await untilEachAnswers(port, new Set([sick, well]))
      assert.match(
        (await rig.handover('explain')).stdout,
        /no instance is ready, so it accepts new connections/,
      )

      for (const pid of [sick, well]) rmSync(join(rig.folder, `unready-${pid}`))
      await until(async () => (await web(rig)).ready === 2, 'both are ready')
      await untilEachAnswers(port, new Set([sick, well]))
      kept.destroy()
    },
  )

  await t.test('the rollout says what an instance listens on and what it waits for', async () => {
    const file = join(rig.folder, 'handover.config.json')
    const { services } = JSON.parse(readFileSync(file, 'utf8')) as { services: { web: object } }
    writeFileSync(
      file,
      JSON.stringify({ services: { web: { ...services.web, env: { WARM_MS: '3600000' } } } }),
    )
    const command = rig.spawn('upgrade')
    const sentence =
      /^web-\d+ of revision \d+ is not ready yet, [\d.]+ s after its start: it listens on \S+:\d+ \("http"\); it waits for its readiness probe \(GET \/ on "http" of web-\d+ answered 503, wanted 200 to 399\)$/
    await until(async () => (await web(rig)).waiting.some((line) => sentence.test(line)), 'it says so')
    command.kill()
  })
})

/** The processes that answer on twenty new connections. */
async function answeringPids(port: number): Promise<Set<number>> {
  const answers = await Promise.all(Array.from({ length: 20 }, () => ask(port, '/any')))
  return new Set(answers.map(({ pid }) => pid))
}

/** The kernel gives a connection to any process that accepts, so several rounds may be needed. */
async function untilEachAnswers(port: number, pids: ReadonlySet<number>): Promise<void> {
  const seen = new Set<number>()
  await until(
    async () => {
      for (const pid of await answeringPids(port)) seen.add(pid)
      return [...pids].every((pid) => seen.has(pid))
    },
    `${[...pids].join(' and ')} answer`,
  )
}

function ask(
  port: number,
  path: string,
  agent: Agent | false = false,
): Promise<{ pid: number; status: number }> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path, agent }, (response) => {
      response
        .resume()
        .on('end', () =>
          resolve({ pid: parseInt(String(response.headers['x-process'])), status: response.statusCode ?? 0 }),
        )
    }).on('error', reject)
  })
}
