import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { setTimeout as after } from 'node:timers/promises'
import { freePort, until } from '@handover/testkit'
import type { Environment } from '../dist/protocol/environment.js'
import type { HandoverOptions } from '../dist/index.js'
import { settings } from '../dist/service/options.js'
import { timing } from '../dist/service/pod.js'
import { App, type AppOptions } from './app.js'
import { Balancer } from './balancer.js'
import { probe } from './probe.js'
import { RawConnection } from './raw-client.js'

/** Without a supervisor, as in a pod, and only with these variables. */
async function pod(t: TestContext, fixture: string, env: Record<string, string>, options: AppOptions = {}) {
  const app = await App.start(t, fixture, {
    unsupervised: true,
    register: !fixture.endsWith('library.mjs'),
    ...options,
    env: { KUBERNETES_SERVICE_HOST: '10.96.0.1', ...env },
  })
  await app.untilOutput(' listens')
  const port = Number(/port (\d+) listens/.exec(app.output)?.[1])
  const connect = async () => {
    const connection = await RawConnection.open({ port })
    t.after(() => connection.close())
    return connection
  }
  return { app, port, connect }
}

/** How long the load balancer opens connections after SIGTERM. The delay is longer, even if timers are late. */
const beliefMs = 1500
const delayMs = 3000
const delayed = { HANDOVER_DRAIN_DELAY_SECONDS: String(delayMs / 1000), HANDOVER_IDLE_SECONDS: '0.5' }

for (const fixture of ['pod.cjs', 'pod-library.mjs', 'pod-cluster.cjs', 'https.cjs', 'express.cjs']) {
  void test(`drain refuses no connection during the delay when the application is ${fixture}`, async (t) => {
    const { app, port } = await pod(t, fixture, { ...delayed })
    const balancer = new Balancer(t, port, { secure: fixture === 'https.cjs' })
    await balancer.warm()
    const terminatedAt = performance.now()
    app.signal('SIGTERM')
    await after(beliefMs)
    await balancer.withdraw()
    assert.deepEqual(await app.exited, { code: 0, signal: null }, app.output)
    assert.deepEqual(balancer.failures, [])
    assert.ok(balancer.answered > 200, `only ${balancer.answered} requests`)
    assert.ok(performance.now() - terminatedAt >= delayMs, 'it continued to accept for the delay')
    t.diagnostic(`${fixture}: ${balancer.answered} requests, ${balancer.failures.length} failures`)
  })
}

void test('drain refuses connections when there is no delay (control)', async (t) => {
  const { app, port } = await pod(t, 'pod.cjs', { ...delayed, HANDOVER_DRAIN_DELAY_SECONDS: '0' })
  const balancer = new Balancer(t, port)
  await balancer.warm()
  app.signal('SIGTERM')
  await after(beliefMs)
  await balancer.withdraw()
  assert.deepEqual(await app.exited, { code: 0, signal: null })
  assert.ok(balancer.failures.includes('ECONNREFUSED'), `${balancer.failures.length} failures`)
  t.diagnostic(`${balancer.answered} requests, ${balancer.failures.length} failures`)
})

void test('drain ends kept connections one by one during the delay, and accepts new ones', async (t) => {
  const { app, port, connect } = await pod(t, 'pod.cjs', { ...delayed, HANDOVER_IDLE_SECONDS: '5' })
  const balancer = new Balancer(t, port, { kept: 50, fresh: 0 })
  await balancer.warm()
  const terminatedAt = performance.now()
  app.signal('SIGTERM')
  await after(100)
  const late = await connect()
  assert.notEqual((await late.ask('/'))?.headers.connection, 'close')
  await after(beliefMs)
  assert.notEqual((await late.ask('/'))?.headers.connection, 'close')
  await balancer.withdraw()
  // 50 moments, evenly distributed: fewer than 3 in one half of the delay happens by chance once in 10^11 runs.
  const early = balancer.closes.filter((at) => at - terminatedAt < delayMs / 2).length
  assert.ok(early >= 3, `${early} in the first half`)
  assert.ok(balancer.closes.length - early >= 3, `${early} of ${balancer.closes.length} in the first half`)
  // By the last request, once the delay has ended.
  await until(async () => !(await accepts(port)), 'nobody is accepted any more')
  assert.equal((await late.ask('/'))?.headers.connection, 'close')
  assert.deepEqual(await app.exited, { code: 0, signal: null })
  assert.deepEqual(balancer.failures, [])
})

const accepts = (port: number): Promise<boolean> =>
  RawConnection.open({ port }).then(
    (connection) => {
      connection.close()
      return true
    },
    () => false,
  )

void test('timing() fits the drain into the grace period of a pod when no option is given', () => {
  const pod = { KUBERNETES_SERVICE_HOST: '10.96.0.1' }
  const seconds = (environment: Environment, drain = {}) => {
    const { timeoutMs, delayMs } = timing(drain, environment)
    return { timeout: timeoutMs / 1000, delay: delayMs / 1000 }
  }
  assert.deepEqual(seconds({}), { timeout: 30, delay: 0 })
  assert.deepEqual(seconds(pod), { timeout: 28, delay: 5 })
  assert.deepEqual(seconds({ ...pod, HANDOVER_GRACE_SECONDS: '60' }), { timeout: 58, delay: 5 })
  // The time of a preStop hook is subtracted from both.
  const slept = { ...pod, HANDOVER_PRESTOP_SECONDS: '3' }
  assert.deepEqual(seconds(slept), { timeout: 25, delay: 2 })
  assert.deepEqual(seconds({ ...slept, HANDOVER_DRAIN_DELAY_SECONDS: '4' }), { timeout: 25, delay: 1 })
  assert.deepEqual(seconds({ ...pod, HANDOVER_PRESTOP_SECONDS: '8' }), { timeout: 20, delay: 0 })
  // The delay is part of a short drain, and 0 if the drain has no time.
  assert.deepEqual(seconds({ ...pod, HANDOVER_DRAIN_SECONDS: '4' }), { timeout: 4, delay: 2 })
  assert.deepEqual(seconds({ ...pod, HANDOVER_DRAIN_SECONDS: '0' }), { timeout: 0, delay: 0 })
  assert.deepEqual(seconds({ ...pod, HANDOVER_GRACE_SECONDS: '1' }), { timeout: 0, delay: 0 })
  // Options take precedence over variables.
  const options = { timeoutSeconds: 20, delaySeconds: 7 }
  assert.deepEqual(seconds({ ...pod, HANDOVER_DRAIN_SECONDS: '9' }, options), { timeout: 20, delay: 7 })
  assert.deepEqual(seconds({}, options), { timeout: 20, delay: 7 })
  // Another process has the listeners.
  assert.deepEqual(seconds({ ...pod, HANDOVER_SOCKET: '/s' }, options), { timeout: 20, delay: 0 })
  assert.deepEqual(seconds({ ...pod, LISTEN_FDS: '1' }), { timeout: 30, delay: 0 })
})

void test('timing() names the expected grace period when the known one is too short', () => {
  const grace = { HANDOVER_GRACE_SECONDS: '30', HANDOVER_PRESTOP_SECONDS: '5' }
  assert.equal(timing({ timeoutSeconds: 23 }, grace).tooShort, null)
  assert.equal(
    timing({ timeoutSeconds: 25 }, grace).tooShort,
    'The grace period is 30 s, but the preStop hook (5 s), the drain (25 s) and a margin of 2 s need 32 s: a long drain will be cut off by SIGKILL, wanted terminationGracePeriodSeconds 32',
  )
})

void test('settings() throws when a value is impossible', () => {
  const refused: [HandoverOptions, Environment, RegExp][] = [
    [{ drain: { delaySeconds: -1 } }, {}, /^drain.delaySeconds is "-1", wanted a number of seconds/],
    [{}, { HANDOVER_PRESTOP_SECONDS: 'long' }, /^HANDOVER_PRESTOP_SECONDS is "long"/],
    [
      { drain: { delaySeconds: 30, timeoutSeconds: 30 } },
      {},
      /^drain.delaySeconds is 30 s, wanted less than drain.timeoutSeconds, 30 s$/,
    ],
    [{}, { HANDOVER_PROBES_PORT: '0' }, /^HANDOVER_PROBES_PORT is "0", wanted a port from 1 to 65535$/],
    [{ probes: { port: 70_000 } }, {}, /^probes.port is "70000"/],
  ]
  for (const [options, environment, message] of refused)
    assert.throws(() => settings(options, environment), { code: 'ERR_HANDOVER_OPTION', message })
})

void test('register warns when the grace period is too short for the drain', async (t) => {
  const { app } = await pod(t, 'pod.cjs', { HANDOVER_GRACE_SECONDS: '10', HANDOVER_DRAIN_SECONDS: '20' })
  await app.untilOutput('HandoverWarning: The grace period is 10 s, but')
})

void test('probes answer on their own port until the process exits when HANDOVER_PROBES_PORT is set', async (t) => {
  for (const fixture of ['pod.cjs', 'pod-library.mjs']) {
    const port = await freePort()
    const { app, connect } = await pod(t, fixture, {
      ...delayed,
      HANDOVER_DRAIN_DELAY_SECONDS: '0.5',
      HANDOVER_PROBES_PORT: String(port),
    })
    assert.deepEqual(
      await Promise.all(['/livez', '/readyz?verbose', '/startupz', '/'].map((path) => probe(port, path))),
      ['200 ready', '200 ready', '200 ready', '404 Not found, wanted /livez, /readyz or /startupz'],
      fixture,
    )
    const busy = await connect()
    busy.get('/slow/1000')
    const other = await connect()
    await other.ask('/') // /slow was received before this request
    app.signal('SIGTERM')
    await until(async () => (await probe(port, '/readyz')) === '503 draining', 'it drains')
    assert.equal(await probe(port, '/livez'), '200 draining')
    assert.notEqual((await (await connect()).ask('/'))?.status, undefined, 'it still accepts')
    await busy.until(() => busy.responses.length === 1)
    const answers = await Promise.all(['/livez', '/readyz', '/startupz'].map((path) => probe(port, path)))
    assert.deepEqual(answers, ['200 draining', '503 draining', '200 draining'])
    assert.deepEqual(await app.exited, { code: 0, signal: null })
    // Also alive during the hooks. The probes are not counted as connections: busy, other and the late one are.
    if (fixture === 'pod-library.mjs') assert.match(app.output, /\nbefore\nafter, 0 open of 3, livez 200\n/)
  }
})
