import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { TestContext } from 'node:test'
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
    // As `for (;;);` does, but without the load on the processor.
    source: `Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)`,
    fields: { progressDeadlineSeconds: 1, terminationGracePeriodSeconds: 2 },
    reason: /made no progress for 1 s/,
  },
]

const rig = openRig()
/** One supervisor has a service for each test. */
const services: Record<string, object> = {}

before(async () => {
  for (const index of releases.keys()) await addService(`release-${index}`, ['node', 'app.cjs'])
  await addService('program', ['./server'])
  configure()
  const started = await rig.handover('start')
  assert.equal(started.code, 0, started.stderr)
})

after(() => rig.close())

for (const [index, { name, source, fields, reason, lastLine }] of releases.entries()) {
  test(`upgrade rolls back and exits with 3 when the new release ${name}`, async (t) => {
    const service = `release-${index}`
    const load = await loadOn(t, service)
    const before = await pids(service)
    assert.equal(before.length, 2)
    writeFileSync(join(rig.folder, service, 'app.cjs'), source)
    Object.assign(services[service] ?? {}, fields)
    configure()
    const { code, receipt, stderr } = await rig.upgrade(service)

    assert.equal(code, 3)
    assert.equal(receipt.outcome, 'rolled-back')
    assert.match(receipt.failure?.message ?? '', reason)
    if (lastLine) assert.match(stderr, lastLine)
    assert.deepEqual(await pids(service), before)
    await assertNothingFailed(load)
  })
}

test('upgrade rolls back and exits with 3 when the new release cannot be executed', async (t) => {
  const load = await loadOn(t, 'program')
  const before = await pids('program')
  assert.equal(before.length, 2)
  rmSync(join(rig.folder, 'program', 'server'))
  const { code, receipt } = await rig.upgrade('program')

  assert.equal(code, 3)
  assert.match(receipt.failure?.message ?? '', /server/)
  assert.deepEqual(await pids('program'), before)
  await assertNothingFailed(load)
})

/** A good release of two instances, in a folder of its own. The good one keeps the defaults: a slow machine can start it. */
async function addService(name: string, command: string[]): Promise<void> {
  const folder = join(rig.folder, name)
  mkdirSync(folder)
  writeFileSync(join(folder, 'app.cjs'), good)
  writeFileSync(join(folder, 'server'), `#!/usr/bin/env node\n${good}`)
  chmodSync(join(folder, 'server'), 0o755)
  services[name] = { command, cwd: name, replicas: 2, listen: { http: await freePort() } }
}

function configure(): void {
  writeFileSync(join(rig.folder, 'handover.config.json'), JSON.stringify({ services }))
}

async function loadOn(t: TestContext, service: string): Promise<Load> {
  const { listen } = services[service] as { listen: { http: number } }
  const load = loadFor(t, {
    target: { host: '127.0.0.1', port: listen.http },
    workloads: {
      newConnections: { perSecond: 50 },
      keepAlive: [{ connections: keptConnections, thinkMs: [0, 200] }],
    },
  })
  await until(() => load.report().workloads.some(isConnected), 'all clients with keep-alive are connected')
  return load
}

/** From then on the connections that a new release accepts are of one request each. */
const isConnected = ({ name, connections }: WorkloadReport): boolean =>
  name.startsWith('keep-alive') && connections.opened === keptConnections

/** The pids of those that serve, in order. */
async function pids(service: string): Promise<(number | null)[]> {
  const { services } = await rig.status()
  const instances = services.find(({ name }) => name === service)?.instances ?? []
  return instances.filter(({ state }) => state === 'ready').map(({ pid }) => pid)
}

async function assertNothingFailed(load: Load): Promise<void> {
  const report = await load.stop()
  assert.ok(report.answered > 0)
  // The good release answers "good" everywhere but where a broken one is asked for its health.
  assert.equal(report.failed, 0, JSON.stringify(report.failures.slice(0, 5), null, 2))
}
