import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as after } from 'node:timers/promises'
import { freePort } from '@handover/testkit'
import { firstCatchers } from '../dist/preload/npm-launcher.js'
import { Balancer } from './balancer.js'
import { Container, noPid1 } from './container.js'
import { probe } from './probe.js'

const delayed = { HANDOVER_DRAIN_DELAY_SECONDS: '3', HANDOVER_IDLE_SECONDS: '0.5' }

/** [what it is, command, scripts, output of its own handler, exit code] */
const images: [string, string[], Record<string, string>, RegExp, number][] = [
  ['node app.js', ['node', 'fixtures/pod.cjs'], {}, /listens/, 0],
  ['an express application', ['node', 'fixtures/express.cjs'], {}, /listens/, 0],
  ['a SIGTERM handler that exits', ['node', 'fixtures/pod-handler.cjs'], {}, /\nexits, 0 open\n/, 3],
  ['npm start', ['npm', 'start'], { start: 'node fixtures/pod.cjs' }, /listens/, 0],
  ['npm start, two commands', ['npm', 'start'], { start: 'node fixtures/pod.cjs && echo end' }, /\nend\n/, 0],
]

for (const [name, command, scripts, output, code] of images) {
  void test(
    `pid 1 refuses no connection during the delay when it is ${name}`,
    { skip: noPid1 },
    async (t) => {
      const container = Container.start(t, command, { scripts, env: delayed })
      const balancer = new Balancer(t, await container.port())
      await balancer.warm()
      container.terminate()
      await after(1500)
      await balancer.withdraw()
      assert.deepEqual(await container.exited, { code, signal: null }, container.output)
      assert.deepEqual(balancer.failures, [])
      assert.match(container.output, output)
      t.diagnostic(`${name}: ${balancer.answered} requests, ${balancer.failures.length} failures`)
    },
  )
}

void test(
  'pid 1 refuses no connection during the delay when STOPSIGNAL is SIGINT',
  { skip: noPid1 },
  async (t) => {
    const container = Container.start(t, ['node', 'fixtures/pod.cjs'], { env: delayed })
    const balancer = new Balancer(t, await container.port())
    await balancer.warm()
    container.terminate('SIGINT')
    await after(1500)
    await balancer.withdraw()
    assert.deepEqual(await container.exited, { code: 0, signal: null }, container.output)
    assert.deepEqual(balancer.failures, [])
  },
)

void test('npm start drains and leaves the probes to the program when npm is not pid 1 either', async (t) => {
  const probes = await freePort()
  const container = Container.start(t, ['npm', 'start'], {
    scripts: { start: 'node fixtures/pod.cjs' },
    env: { ...delayed, HANDOVER_PROBES_PORT: String(probes) },
    pid1: false,
  })
  const balancer = new Balancer(t, await container.port())
  await balancer.warm()
  assert.equal(await probe(probes, '/readyz'), '200 ready')
  container.terminate()
  await after(1500)
  assert.equal(await probe(probes, '/readyz'), '503 draining')
  await balancer.withdraw()
  assert.deepEqual(await container.exited, { code: 0, signal: null }, container.output)
  assert.deepEqual(balancer.failures, [])
})

void test('npm start loses requests when the preload is missing (control)', { skip: noPid1 }, async (t) => {
  const scripts = { start: 'node fixtures/pod.cjs' }
  const container = Container.start(t, ['npm', 'start'], { scripts, env: { ...delayed, NODE_OPTIONS: '' } })
  const balancer = new Balancer(t, await container.port())
  await balancer.warm()
  container.terminate()
  await container.exited
  await balancer.withdraw()
  assert.ok(balancer.failures.length > 0)
})

void test('pid 1 exits at SIGTERM when it has no server', { skip: noPid1 }, async (t) => {
  const script = "setInterval(() => {}, 1e6); console.log('works')"
  const container = Container.start(t, ['node', '-e', script])
  await container.untilOutput('works')
  container.terminate()
  assert.deepEqual(await container.exited, { code: 143, signal: null })
})

void test(
  'pid 1 leaves SIGTERM to the handler when it has a handler and no server',
  { skip: noPid1 },
  async (t) => {
    const script =
      "setInterval(() => {}, 1e6); process.on('SIGTERM', () => process.exit(7)); console.log('works')"
    const container = Container.start(t, ['node', '-e', script])
    await container.untilOutput('works')
    container.terminate()
    assert.deepEqual(await container.exited, { code: 7, signal: null })
  },
)

void test('firstCatchers() returns the first process with a handler on each branch', () => {
  const term = 1n << 14n // SIGTERM is 15
  const tree = [
    { pid: 2, parent: 1, caught: 0n }, // a shell
    { pid: 3, parent: 2, caught: term }, // a node:cluster primary
    { pid: 4, parent: 3, caught: term }, // its worker
    { pid: 5, parent: 2, caught: 0n },
    { pid: 6, parent: 9, caught: term },
  ]
  assert.deepEqual(firstCatchers(1, 'SIGTERM', tree), [3])
  assert.deepEqual(firstCatchers(5, 'SIGTERM', tree), [])
})
