import assert from 'node:assert/strict'
import { chmodSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { Rig } from '@handover/testkit'
import { freePort, openRig, until } from '@handover/testkit'
import type { Load, WorkloadReport } from '../../dist/verify/index.js'
import { loadFor } from '../load.js'

const keptConnections = 10

const good = `require('node:http').createServer((request, response) => {
  response.end('good')
}).listen(process.env.PORT)
`

/** Crashes while it holds no connection: what a process that crashes has accepted is lost with it. */
const crashing = `const server = ${good}
setTimeout(function crash() {
  server.getConnections((_error, open) => {
    if (open === 0) throw new Error('boom: later')
    setTimeout(crash, 1)
  })
}, 100)
`

/** Each way in which a release can be broken, and what the user is told. */
const releases: { name: string; source: string; fields?: object; reason: RegExp; lastLine?: RegExp }[] = [
  {
    name: 'exits at boot',
    source: `console.error('boom: no database'); process.exit(3)`,
    reason: /exited with code 3 before it was ready/,
    lastLine: /boom: no database/,
  },
  {
    name: 'is never ready',
    source: `setInterval(() => {}, 1000)`,
    fields: { progressDeadlineSeconds: 1 },
    reason: /made no progress for 1 s/,
  },
  {
    name: 'crashes after it was ready',
    source: crashing,
    fields: { minReadySeconds: 2 },
    reason: /exited with code 1 .*after it was ready/,
    lastLine: /boom: later/,
  },
  {
    name: 'fails its readiness probe',
    source: good.replace(
      `response.end('good')`,
      `response.statusCode = request.url === '/healthz' ? 503 : 200; response.end('good')`,
    ),
    fields: {
      readinessProbe: { httpGet: { path: '/healthz', port: 'http' } },
      progressDeadlineSeconds: 1,
    },
    reason: /made no progress for 1 s/,
  },
  {
    name: 'listens elsewhere',
    source: good.replace('process.env.PORT', '0'),
    fields: { progressDeadlineSeconds: 1 },
    reason: /made no progress for 1 s/,
  },
  {
    name: 'hangs, at SIGTERM too',
    source: `for (;;);`,
    fields: { progressDeadlineSeconds: 1, terminationGracePeriodSeconds: 2 },
    reason: /made no progress for 1 s/,
  },
]

for (const { name, source, fields, reason, lastLine } of releases) {
  test(`upgrade rolls back and exits with 3 when the new release ${name}`, async (t) => {
    const { rig, load, configure } = await serving(t, ['node', 'app.cjs'])
    const before = await pids(rig)
    writeFileSync(join(rig.folder, 'app.cjs'), source)
    configure(fields)
    const { code, receipt, stderr } = await rig.upgrade()

    assert.equal(code, 3)
    assert.equal(receipt.outcome, 'rolled-back')
    assert.match(receipt.failure?.message ?? '', reason)
    if (lastLine) assert.match(stderr, lastLine)
    assert.deepEqual(await pids(rig), before)
    await assertNothingFailed(load)
  })
}

test('upgrade rolls back and exits with 3 when the new release cannot be executed', async (t) => {
  const { rig, load } = await serving(t, ['./server'])
  const before = await pids(rig)
  rmSync(join(rig.folder, 'server'))
  const { code, receipt } = await rig.upgrade()

  assert.equal(code, 3)
  assert.match(receipt.failure?.message ?? '', /server/)
  assert.deepEqual(await pids(rig), before)
  await assertNothingFailed(load)
})

/**
 * A good release of two instances, under load. `configure`: fields that the next release has; the good one keeps the
 * defaults, so that a slow machine does not fail its start.
 */
async function serving(t: TestContext, command: string[]) {
  const rig = openRig()
  t.after(() => rig.close())
  const port = await freePort()
  writeFileSync(join(rig.folder, 'app.cjs'), good)
  writeFileSync(join(rig.folder, 'server'), `#!/usr/bin/env node\n${good}`)
  chmodSync(join(rig.folder, 'server'), 0o755)
  const configure = (fields: object = {}) => {
    const services = { app: { command, replicas: 2, listen: { http: port }, ...fields } }
    writeFileSync(join(rig.folder, 'handover.config.json'), JSON.stringify({ services }))
  }
  configure()
  const started = await rig.handover('start')
  assert.equal(started.code, 0, started.stderr)
  const load = loadFor(t, {
    target: { host: '127.0.0.1', port },
    workloads: {
      newConnections: { perSecond: 50 },
      keepAlive: [{ connections: keptConnections, thinkMs: [0, 100] }],
    },
  })
  await until(() => load.report().workloads.some(isConnected), 'all clients with keep-alive are connected')
  return { rig, load, configure }
}

/** From then on the connections that a new release accepts are of one request each. */
const isConnected = ({ name, connections }: WorkloadReport): boolean =>
  name.startsWith('keep-alive') && connections.opened === keptConnections

/** The pids of those that serve, in order. */
async function pids(rig: Rig): Promise<(number | null)[]> {
  const { services } = await rig.status()
  return services.flatMap(({ instances }) =>
    instances.filter(({ state }) => state === 'ready').map(({ pid }) => pid),
  )
}

async function assertNothingFailed(load: Load): Promise<void> {
  const report = await load.stop()
  assert.ok(report.answered > 0)
  // The good release answers "good" everywhere but where a broken one is asked for its health.
  assert.equal(report.failed, 0, JSON.stringify(report.failures.slice(0, 5), null, 2))
}
