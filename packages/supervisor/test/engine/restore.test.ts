import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { FakeMachine } from '@handover/testkit'
import { fakeMachine } from '@handover/testkit'
import { createEngine } from '../../dist/engine/index.js'
import type { Engine } from '../../dist/engine/index.js'
import { figures, spec } from './spec.js'

/** Starts the service in its first revision. Its supervisor's journal is in `machine.journaled`. */
async function running(machine: FakeMachine): Promise<Engine> {
  const engine = createEngine(machine)
  engine.apply(spec(), 'start')
  await turn()
  for (const { observer } of machine.living.values()) observer.ready()
  return engine
}

/** A second supervisor, which finds the first one's journal and these running instances. */
async function takenOver(journal: FakeMachine['journaled'], surviving: string[]) {
  const machine = fakeMachine(journal, surviving)
  const engine = createEngine(machine)
  assert.deepEqual(await engine.restore(), { ok: true, value: true })
  await turn()
  return { machine, engine }
}

test('restore() adopts running instances and starts none when their supervisor died', async () => {
  const first = fakeMachine()
  await running(first)
  const { machine, engine } = await takenOver(first.journaled, ['web-1'])
  const pid = first.living.get('web-1')?.pid
  assert.deepEqual(
    machine.log.filter((line) => !line.startsWith('journal')),
    ['adopt web-1', `recover http from ${pid}`],
  )
  const [instance] = engine.service('web')?.state.instances ?? []
  assert.equal(instance?.state, 'ready')
  assert.equal(instance?.pid, pid)
})

test('restore() continues a rollout from where it was when the supervisor died', async () => {
  const first = fakeMachine()
  const engine = await running(first)
  engine.apply(spec(), 'upgrade')
  await turn()
  const second = await takenOver(first.journaled, ['web-1', 'web-2'])
  second.machine.living.get('web-2')?.observer.ready()
  assert.deepEqual(second.machine.living.get('web-1')?.signals, ['drain'])
  second.machine.living.get('web-1')?.observer.stoppedAccepting()
  assert.equal(second.engine.service('web')?.receipt?.outcome, 'complete')
})

test('restore() finds a process that the supervisor had started, but not journaled, when it died', async () => {
  const first = fakeMachine()
  const engine = await running(first)
  engine.apply(spec(), 'upgrade')
  await turn()
  const unwritten = first.journaled.findLastIndex(({ type }) => type === 'InstanceStarted')
  const { machine, engine: next } = await takenOver(first.journaled.slice(0, unwritten), ['web-1', 'web-2'])
  assert.deepEqual(
    machine.log.filter((line) => line.startsWith('launch')),
    [],
  )
  const started = next.service('web')?.state.instances.find(({ id }) => id === 'web-2')
  assert.deepEqual([started?.state, started?.pid], ['starting', machine.living.get('web-2')?.pid])
  machine.living.get('web-2')?.observer.ready()
  assert.deepEqual(machine.living.get('web-1')?.signals, ['drain'])
})

test('restore() keeps the receipts of earlier rollouts, with their accounts, when the supervisor died', async () => {
  const first = fakeMachine()
  const engine = await running(first)
  engine.apply(spec(), 'upgrade')
  await turn()
  const account = { ...figures, handedOver: 4, open: 0 }
  first.living.get('web-2')?.observer.ready()
  const old = first.living.get('web-1')?.observer
  old?.stoppedAccepting()
  old?.account(account)
  old?.exited({ code: 0, signal: null }, [])
  const before = engine.history('web').flatMap(({ receipts }) => receipts)
  assert.equal(before.length, 2)
  assert.deepEqual(before[1]?.instances[0]?.account, account)
  assert.equal(before[1].phases.drained !== null, true)

  const second = await takenOver(first.journaled, ['web-2'])
  assert.deepEqual(
    second.engine.history('web').flatMap(({ receipts }) => receipts),
    before,
  )
})

test('restore() finds the same state when an overgrown journal was compacted meanwhile', async () => {
  const first = fakeMachine()
  const engine = await running(first)
  engine.apply(spec(), 'upgrade')
  await turn()
  first.overgrown = true
  first.living.get('web-2')?.observer.ready()
  first.living.get('web-1')?.observer.stoppedAccepting()
  assert.ok(first.journaled.length > 10, 'an old instance drains: its receipt is not finished')
  first.living.get('web-1')?.observer.exited({ code: 0, signal: null }, [])
  assert.deepEqual(
    first.journaled.map(({ type }) => type),
    ['ServiceRestored'],
  )
  const second = await takenOver(first.journaled, ['web-2'])
  assert.deepEqual(second.engine.history('web'), engine.history('web'))
  assert.deepEqual(second.machine.living.get('web-2')?.signals, [])
})

test('restore() starts an instance again when it died with the supervisor and others still run', async () => {
  const first = fakeMachine()
  const engine = createEngine(first)
  engine.apply(spec({ replicas: 2 }), 'start')
  await turn()
  for (const { observer } of first.living.values()) observer.ready()
  const { machine } = await takenOver(first.journaled, ['web-1'])
  assert.deepEqual(
    machine.log.filter((line) => line.startsWith('launch')),
    ['launch web-2'],
  )
})

test('restore() drains again the instances that were draining when the supervisor died', async () => {
  const first = fakeMachine()
  const engine = await running(first)
  engine.command('web', { type: 'Stop' })
  const { machine } = await takenOver(first.journaled, ['web-1'])
  assert.deepEqual(machine.living.get('web-1')?.signals, ['drain'])
})

test('restore() keeps numbers and history and starts nothing when no instance runs', async () => {
  const first = fakeMachine()
  await running(first)
  const { machine, engine } = await takenOver(first.journaled, [])
  assert.equal(engine.service('web')?.state.stopped, true)
  assert.deepEqual(
    machine.log.filter((line) => line.startsWith('launch')),
    [],
  )
  engine.apply(spec(), 'start')
  await turn()
  assert.equal(engine.service('web')?.state.target, 2)
  assert.deepEqual([...machine.living.keys()], ['web-2'])
  assert.deepEqual(
    engine.history('web').map(({ revision, receipts }) => [revision.number, receipts.length]),
    [
      [1, 1],
      [2, 0],
    ],
  )
})
