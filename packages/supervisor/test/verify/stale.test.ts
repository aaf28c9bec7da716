import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { createServer } from 'node:http'
import test, { type TestContext } from 'node:test'
import { within } from '@handover/testkit'
import { parseIdentify, type LoadOptions } from '../../dist/verify/index.js'
import { limitMs, listen, load, seen } from './support.js'

/** A service whose version can be changed, and which may be asked to stay behind. */
async function versioned(t: TestContext, address?: object) {
  const state = { version: 'a' }
  const target = await listen(
    t,
    createServer((_request, response) => {
      response.setHeader('X-Version', state.version)
      response.end(`{"version":"${state.version}"}`)
    }),
    address,
  )
  return { state, target }
}

/** Lets a load run until a number of outcomes more have come. */
function outcomeCounter() {
  let waiting: { left: number; resolve: () => void } | null = null
  return {
    onOutcome: () => {
      if (waiting !== null && --waiting.left === 0) waiting.resolve()
    },
    more: (count: number) => within(new Promise<void>((resolve) => (waiting = { left: count, resolve }))),
  }
}

const identifyBy = (text: string) => {
  const identify = parseIdentify(text)
  assert.ok(identify.ok)
  return identify.value
}

for (const by of ['header:x-version', 'body:"version":"(\\w+)"']) {
  void test(`startLoad() counts stale when an old version answers after the upgrade, recognised by ${by}`, async (t) => {
    const { state, target } = await versioned(t)
    const counter = outcomeCounter()
    const workloads = { newConnections: { perSecond: 200 } }
    const running = load(t, { target, workloads, identify: identifyBy(by), onOutcome: counter.onOutcome })
    await counter.more(10)
    running.markUpgradeStart(1)
    await counter.more(5)
    state.version = 'b'
    await counter.more(5)
    running.markUpgradeDone(1)
    await counter.more(10)
    assert.equal(running.report().failed, 0, 'an upgrade that is done as reported leaves nothing stale')
    state.version = 'a'
    while (running.report().outcomes.stale < 8) await counter.more(1)
    const report = await within(running.stop())
    assert.equal(report.failed, report.outcomes.stale)
    assert.equal(report.failures[0]?.version, 'a')
    assert.match(
      report.failures[0]?.detail ?? '',
      /version "a" answered on a connection opened after upgrade 1 was done/,
    )
    assert.deepEqual(
      report.versions.map(({ version, firstSeenInUpgrade }) => [version, firstSeenInUpgrade]),
      [
        ['a', 0],
        ['b', 1],
      ],
    )
    assert.ok(report.latency.duringUpgrade.count > 0 && report.latency.otherwise.count > 0)
  })
}

void test('startLoad() counts no stale when an old connection is still answered by the old version', async (t) => {
  const { target } = await versioned(t)
  const counter = outcomeCounter()
  const workloads = { keepAlive: [{ connections: 4, thinkMs: [0, 2] as const }] }
  const identify = identifyBy('header:x-version')
  const running = load(t, { target, workloads, identify, onOutcome: counter.onOutcome })
  // By then all four are open: they come within half a second, an eighth of it apart.
  while (running.report().connections.opened < 4) await counter.more(10)
  running.markUpgradeStart(1)
  running.markUpgradeDone(1)
  await counter.more(40)
  const report = await within(running.stop())
  assert.deepEqual(seen(report), { answered: report.requests })
})

const addresses: Record<string, object> = {
  'an IPv4 listener': { host: '127.0.0.1', port: 0 },
  'an IPv6 listener': { host: '::1', port: 0 },
  'a dual-stack listener': { host: '::', port: 0 },
}
for (const [name, address] of Object.entries(addresses)) {
  void test(`startLoad() asks the kernel which process accepted on ${name}`, async (t) => {
    const { target } = await versioned(t, address)
    let revision = '1'
    const samples = 6
    const counter = outcomeCounter()
    const asked = new EventEmitter()
    const firstAsked = once(asked, 'asked')
    const processes = () => {
      asked.emit('asked')
      return [{ pid: process.pid, revision }]
    }
    const options: LoadOptions = {
      target,
      workloads: { keepAlive: [{ connections: 1, thinkMs: [limitMs, limitMs] }] },
      identifyByProcess: { connections: samples, processes },
      onOutcome: counter.onOutcome,
    }
    const running = load(t, options)
    await firstAsked
    // Until what was told is also noted.
    await new Promise(setImmediate)
    running.markUpgradeStart(1)
    revision = '2'
    running.markUpgradeDone(1)
    await counter.more(samples)
    assert.deepEqual(seen(running.report()), { answered: samples })
    running.markUpgradeStart(2)
    running.markUpgradeDone(2)
    await counter.more(samples)
    const report = await within(running.stop())
    assert.deepEqual(seen(report), { answered: samples, stale: samples })
    assert.deepEqual(report.processes, {
      sampled: 2 * samples,
      unknown: 0,
      revisions: [
        { version: '1', firstSeenInUpgrade: 0, answers: 0 },
        { version: '2', firstSeenInUpgrade: 1, answers: 2 * samples },
      ],
    })
  })
}

void test('startLoad() counts the process as unknown when it is none of those given', async (t) => {
  const { target } = await versioned(t)
  const counter = outcomeCounter()
  const running = load(t, {
    target,
    workloads: {},
    identifyByProcess: { connections: 3, processes: () => Promise.reject(new Error('nobody to ask')) },
    onOutcome: counter.onOutcome,
  })
  running.markUpgradeStart(1)
  running.markUpgradeDone(1)
  await counter.more(3)
  const report = await within(running.stop())
  assert.deepEqual(seen(report), { answered: 3 })
  assert.deepEqual(report.processes, { sampled: 3, unknown: 3, revisions: [] })
})
