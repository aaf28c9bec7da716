import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ConnectionAccount, InstanceReceipt } from '../../dist/model/index.js'
import { receiptLines } from '../../dist/cli/output/receipt.js'
import { describeExit, unaccounted } from '../../dist/model/index.js'
import { receiptOf } from '../../dist/rollout/index.js'
import type { Behaviour, Simulation } from './simulation.js'
import { simulate } from './simulation.js'
import { listeningSpec } from './specs.js'

const upgrade = (simulation: Simulation, release: string, replicas = 1) =>
  simulation.ask({
    type: 'Upgrade',
    revision: { spec: listeningSpec({ replicas }), release },
    cause: 'upgrade',
  })

const simulationOf = (behaviours: Record<string, Behaviour>): Simulation =>
  simulate(({ release }) => behaviours[release] ?? {})

const brief = ({ id, side, reason, killed, exit }: InstanceReceipt) =>
  [id, side, reason ?? 'stays', killed ? 'killed' : (exit?.signal ?? exit?.code ?? 'lives')].join(' ')

test('receiptOf() says how many connections an account does not explain', () => {
  const figures: ConnectionAccount = {
    accepted: 5,
    adopted: 3,
    answered: 20,
    endedByPeer: 1,
    endedOrderly: 1,
    endedAtDeadline: 0,
    handedOver: 4,
    open: 2,
    active: 0,
  }
  assert.equal(unaccounted(figures), 0)
  assert.equal(unaccounted({ ...figures, open: 1 }), 1)
  const simulation = simulationOf({})
  upgrade(simulation, 'v1')
  simulation.settle()
  upgrade(simulation, 'v2')
  simulation.settle()
  const last = simulation.events.at(-1)
  assert.ok(last)
  const account = { ...figures, handedOver: 3 }
  const lost = [
    ...simulation.events,
    { ...last, type: 'InstanceDrained' as const, instance: 'web-1', account, cut: [] },
  ]
  assert.equal(receiptOf(lost)?.instances[0]?.unaccounted, 1)
})

test('receiptOf() has the accounts of a complete rollout, and of instances that drain after its end', () => {
  const simulation = simulationOf({ v1: { stopAcceptingMs: 10, drainMs: 5000 }, v2: { readyMs: 300 } })
  upgrade(simulation, 'v1')
  simulation.settle()
  upgrade(simulation, 'v2')
  simulation.advance(1000)

  const receipt = receiptOf(simulation.events)
  assert.ok(receipt)
  const { instances, ...whole } = receipt
  assert.deepEqual(whole, {
    service: 'web',
    rollout: 2,
    cause: 'upgrade',
    outcome: 'complete',
    fromRevision: 1,
    toRevision: 2,
    startedAt: 100,
    endedAt: 410,
    wallMs: 310,
    phases: { ready: 300, stoppedAccepting: 310, drained: null },
    failure: null,
    kernel: null,
    draining: 1,
  })
  assert.deepEqual(instances, [
    {
      id: 'web-1',
      revision: 1,
      pid: 1001,
      side: 'old',
      killed: false,
      account: null,
      reason: 'upgrade',
      stoppedAcceptingMs: 10,
    },
    { id: 'web-2', revision: 2, pid: 1002, side: 'new', killed: false, account: null, readyMs: 300 },
  ])

  const printed = (): string => {
    const latest = receiptOf(simulation.events)
    return latest === null ? '' : receiptLines(latest, (_colour, text) => text).join('\n')
  }
  assert.match(printed(), /1 old instance still finishing what it holds/)

  simulation.settle()
  assert.doesNotMatch(printed(), /still finishing/)
  const [old] = receiptOf(simulation.events)?.instances ?? []
  assert.deepEqual([old?.drainMs, old?.exit], [5000, { code: 0, signal: null }])
  assert.equal(receiptOf(simulation.events)?.draining, 1, 'it still drained at the end of the rollout')
})

test('describeExit() says that the exit code of an adopted instance is not known', () => {
  assert.equal(describeExit({ code: 3, signal: null }), 'exited with code 3')
  assert.equal(describeExit({ code: null, signal: 'SIGKILL' }), 'was killed by SIGKILL')
  assert.equal(describeExit({ code: null, signal: null }), 'exited with an unknown code')
})

test('receiptOf() keeps the newest account of each instance', () => {
  const account: ConnectionAccount = {
    ...{ accepted: 7, adopted: 1, answered: 20, endedByPeer: 3, endedOrderly: 2, endedAtDeadline: 0 },
    ...{ handedOver: 3, open: 0, active: 0 },
  }
  const simulation = simulationOf({})
  upgrade(simulation, 'v1')
  simulation.settle()
  upgrade(simulation, 'v2')
  simulation.settle()
  const report = { service: 'web', at: simulation.now, instance: 'web-1', account, cut: [] }
  const end = simulation.events.findIndex(({ type }) => type === 'RolloutCompleted')
  const events = [...simulation.events]
  const last = events.findLastIndex(({ type }) => type === 'InstanceStoppedAccepting')
  assert.ok(end >= 0 && last > end)
  events.splice(last, 0, { ...report, type: 'InstanceAccount', account: { ...account, open: 5 } })
  events.splice(last + 2, 0, { ...report, type: 'InstanceDrained' })
  assert.deepEqual(receiptOf(events)?.instances[0]?.account, account)
})

test('receiptOf() names the failure and shows that the old instances stayed when a rollout was rolled back', () => {
  const output = ['Error: no such table', '    at boot (app.js:3)']
  const simulation = simulationOf({ v2: { readyMs: null, exit: { afterMs: 200, code: 1, output } } })
  upgrade(simulation, 'v1', 2)
  simulation.settle()
  upgrade(simulation, 'v2', 2)
  simulation.settle()
  const receipt = receiptOf(simulation.events)
  assert.equal(receipt?.outcome, 'rolled-back')
  assert.equal(receipt?.failure?.code, 'ExitedBeforeReady')
  assert.deepEqual(receipt?.failure?.output, output)
  assert.deepEqual(receipt?.instances.map(brief), [
    'web-1 old stays lives',
    'web-2 old stays lives',
    'web-3 new rollback 1',
  ])
})

test('receiptOf() says that an instance had to be killed when its drain hangs', () => {
  const simulation = simulationOf({ v1: { stopAcceptingMs: null, drainMs: null } })
  upgrade(simulation, 'v1')
  simulation.settle()
  upgrade(simulation, 'v2')
  simulation.settle()
  const receipt = receiptOf(simulation.events)
  assert.deepEqual(receipt?.instances.map(brief), ['web-1 old upgrade killed', 'web-2 new stays lives'])
  assert.equal(receipt?.instances[0]?.drainMs, 30_001)
  assert.equal(receipt?.draining, 0)
})

test('receiptOf() distinguishes failed from stopped, and is null while nothing has ended', () => {
  const simulation = simulationOf({ v1: { readyMs: null, exit: { afterMs: 200, code: 1 } } })
  assert.equal(receiptOf(simulation.events), null)
  upgrade(simulation, 'v1')
  assert.equal(receiptOf(simulation.events), null)
  simulation.advance(60_000)
  assert.equal(receiptOf(simulation.events)?.outcome, 'failed')
  assert.equal(receiptOf(simulation.events)?.endedAt, 200)
  upgrade(simulation, 'v2')
  assert.equal(receiptOf(simulation.events), null)
  simulation.ask({ type: 'Stop' })
  simulation.settle()
  assert.equal(receiptOf(simulation.events)?.outcome, 'stopped')
})
