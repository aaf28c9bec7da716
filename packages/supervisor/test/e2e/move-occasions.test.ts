import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { Agent, get } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { freePort, openRig, until } from '@handover/testkit'
import type { Rig } from '@handover/testkit'
import type { Event, EventOf, EventType, InstanceStatus } from 'handover/model'
import { loadFor } from '../load.js'
import { allConnected, assertNothingClosed, keptConnections, movingLoad } from './moving-load.js'

const app = fileURLToPath(new URL('../../test/fixtures/apps/sick.cjs', import.meta.url))

const livenessProbe = {
  httpGet: { path: '/live', port: 'http' },
  periodSeconds: 1,
  timeoutSeconds: 10,
  failureThreshold: 1,
}

test('an instance that fails its liveness probe is replaced, and its connections move', async (t) => {
  const { rig, instances, end } = await underLoad(t, 2, { livenessProbe })
  const [sick, well] = await instances()
  assert.ok(sick && well)
  writeFileSync(join(rig.folder, `sick-${sick.pid}`), '')
  await until(async () => {
    const now = await instances()
    return now.length === 2 && now.every(({ id, state }) => id !== sick.id && state === 'ready')
  }, 'the instance was replaced')
  const [kept, replacement] = await instances()
  assert.deepEqual([kept?.id, kept?.pid, replacement?.restarts], [well.id, well.pid, 1])
  const [{ account, instance }] = await end(1)
  assert.equal(instance, sick.id)
  assert.ok(account.handedOver > 0, JSON.stringify(account))
  assertMoved(account, { probed: true })
})

test('the only instance is replaced before it stops when it fails its liveness probe', async (t) => {
  const { rig, instances, end } = await underLoad(t, 1, { livenessProbe })
  const [sick] = await instances()
  writeFileSync(join(rig.folder, `sick-${sick?.pid}`), '')
  await until(async () => {
    const [now, ...others] = await instances()
    return now?.id !== sick?.id && now?.state === 'ready' && others.length === 0
  }, 'the instance was replaced')
  const [{ account }] = await end(1)
  assert.ok(account.handedOver >= keptConnections, JSON.stringify(account))
  assertMoved(account, { probed: true })
})

for (const replicas of [1, 2])
  test(`an instance of ${replicas} is replaced before it stops when it exceeds its memory limit`, async (t) => {
    const command = ['node', fileURLToPath(new URL('../../test/fixtures/apps/greedy.cjs', import.meta.url))]
    const { rig, port, instances, end } = await underLoad(t, replicas, { command, maxMemory: '250Mi' })
    const pid = Number(await askToStay(port, '/grow'))
    const before = await instances()
    const greedy = before.find((instance) => instance.pid === pid)
    assert.ok(greedy)
    await until(async () => {
      const now = await instances()
      return now.length === replicas && now.every(({ id, state }) => id !== greedy.id && state === 'ready')
    }, 'the instance was replaced')
    const now = await instances()
    assert.deepEqual(
      now.slice(0, -1).map(({ id }) => id),
      before.filter(({ id }) => id !== greedy.id).map(({ id }) => id),
    )
    assert.equal(now.at(-1)?.restarts, 1)
    const [{ account, instance }] = await end(1)
    assert.equal(instance, greedy.id)
    assert.ok(account.handedOver > 0, JSON.stringify(account))
    assertMoved(account)
    const [exceeded, ...others] = eventsOf(rig, 'InstanceExceededMemory')
    assert.deepEqual([exceeded?.instance, exceeded?.limitBytes, others.length], [greedy.id, 250 * 2 ** 20, 0])
    assert.ok(exceeded && exceeded.usedBytes > exceeded.limitBytes && exceeded.usedBytes < 600 * 2 ** 20)
  })

test('scaling down moves the connections of those that go', async (t) => {
  const { rig, instances, end } = await underLoad(t, 3)
  const scaled = await rig.handover('scale', 'web=1')
  assert.equal(scaled.code, 0, scaled.stderr)
  await until(async () => (await instances()).length === 1, 'two instances are gone')
  for (const { account } of await end(2)) assertMoved(account)
})

test('restart moves every connection', async (t) => {
  const { rig, end } = await underLoad(t, 2)
  const restarted = await rig.handover('restart', '--wait', 'drained')
  assert.equal(restarted.code, 0, restarted.stderr)
  const drained = await end(2)
  for (const { account } of drained) assertMoved(account)
  const handedOver = drained.reduce((sum, { account }) => sum + account.handedOver, 0)
  assert.ok(handedOver >= keptConnections, `only ${handedOver}`)
})

type Drained = EventOf<'InstanceDrained'>

interface Occasion {
  rig: Rig
  port: number
  instances(): Promise<InstanceStatus[]>
  /** Ends the load, asserts that it saw nothing, and gives the accounts of those that have drained. */
  end(drained: number): Promise<[Drained, ...Drained[]]>
}

async function underLoad(t: TestContext, replicas: number, options: object = {}): Promise<Occasion> {
  const rig = openRig()
  t.after(() => rig.close())
  const port = await freePort()
  const services = { web: { command: ['node', app], replicas, listen: { http: port }, ...options } }
  writeFileSync(join(rig.folder, 'handover.config.json'), JSON.stringify({ services }))
  const started = await rig.handover('start')
  assert.equal(started.code, 0, started.stderr)
  let settled = 0
  const load = loadFor(t, { ...movingLoad({ host: '127.0.0.1', port }), onOutcome: () => settled++ })
  // A report costs as much as some requests do: it is made only once it may have what is waited for.
  await until(
    () => settled > 500 && load.report().answered > 500 && allConnected(load.report()),
    'the load runs, and all its clients are connected',
  )
  return {
    rig,
    port,
    instances: async () => (await rig.status()).services[0]?.instances ?? [],
    async end(count) {
      const before = settled
      await until(() => settled > before + 500, 'the load has gone on')
      const report = await load.stop()
      assertNothingClosed(report)
      const drained = eventsOf(rig, 'InstanceDrained')
      assert.equal(drained.length, count)
      t.diagnostic(`${report.answered} answered, ${report.failed} failed, none closed`)
      return drained as [Drained, ...Drained[]]
    },
  }
}

/** On a connection that the client ends. */
async function askToStay(port: number, path: string): Promise<string> {
  const agent = new Agent({ keepAlive: true })
  const [response] = (await once(get({ host: '127.0.0.1', port, path, agent }), 'response')) as [
    IncomingMessage,
  ]
  const body = await text(response)
  agent.destroy()
  return body
}

function eventsOf<T extends EventType>({ home }: Rig, wanted: T): EventOf<T>[] {
  const journal = readdirSync(home, { recursive: true, encoding: 'utf8' }).find((path) =>
    path.endsWith('journal.jsonl'),
  )
  assert.ok(journal)
  const lines = readFileSync(join(home, journal), 'utf8').trim().split('\n')
  const events = lines.flatMap((line) => JSON.parse(line) as Event | Event[])
  return events.filter((event): event is EventOf<T> => event.type === wanted)
}

/**
 * Every connection moved, except those that the clients closed. `probed`: a probe of the supervisor's
 * asks with `Connection: close`, and either side may be the first to end that one.
 */
function assertMoved(account: Drained['account'], { probed = false } = {}): void {
  const { accepted, adopted, handedOver, endedByPeer, endedOrderly, endedAtDeadline, open } = account
  assert.deepEqual([endedAtDeadline, open], [0, 0], JSON.stringify(account))
  if (!probed) assert.equal(endedOrderly, 0, JSON.stringify(account))
  assert.equal(accepted + adopted, handedOver + endedByPeer + endedOrderly)
}
